// empty_fraud_slot_b: take the scores of some members out of slot b.
// Parameters: $members: list of member_id
// Returns: nothing
UNWIND $members AS member_id
MATCH (member:Member {member_id: member_id})
REMOVE member.graphml_fraud_b
