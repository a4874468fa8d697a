// empty_fraud_slot_a: take the scores of some members out of slot a.
// Parameters: $members: list of member_id
// Returns: nothing
UNWIND $members AS member_id
MATCH (member:Member {member_id: member_id})
REMOVE member.graphml_fraud_a
