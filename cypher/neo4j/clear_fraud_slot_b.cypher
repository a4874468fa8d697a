// clear_fraud_slot_b: remove what an older run left in slot b, in pieces.
// Parameters: none
// Returns: nothing
MATCH (member:Member) WHERE member.graphml_fraud_b IS NOT NULL
CALL (member) { REMOVE member.graphml_fraud_b } IN TRANSACTIONS OF 10000 ROWS
