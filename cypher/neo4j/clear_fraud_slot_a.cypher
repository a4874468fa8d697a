// clear_fraud_slot_a: remove what an older run left in slot a, in pieces.
// Parameters: none
// Returns: nothing
MATCH (member:Member) WHERE member.graphml_fraud_a IS NOT NULL
CALL (member) { REMOVE member.graphml_fraud_a } IN TRANSACTIONS OF 10000 ROWS
