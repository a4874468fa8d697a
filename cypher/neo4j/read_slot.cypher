// read_slot: who has a score in a slot.
// Parameters: __SLOT__: its property
// Returns: member_id
MATCH (member:Member) WHERE member.__SLOT__ IS NOT NULL
RETURN member.member_id AS member_id
