// empty_slot: take the scores of some members out of a slot.
// Parameters: __SLOT__: its property; $members: list of member_id
// Returns: nothing
UNWIND $members AS member_id
MATCH (member:Member {member_id: member_id})
REMOVE member.__SLOT__
