// read_fraud_slot_b: who has a score in slot b.
// Parameters: none
// Returns: member_id
MATCH (member:Member) WHERE member.graphml_fraud_b IS NOT NULL
RETURN member.member_id AS member_id
