// read_fraud_slot_a: who has a score in slot a.
// Parameters: none
// Returns: member_id
MATCH (member:Member) WHERE member.graphml_fraud_a IS NOT NULL
RETURN member.member_id AS member_id
