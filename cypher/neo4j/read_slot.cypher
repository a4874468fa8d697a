// read_slot: who has a score in a slot.
// __MEMBER__, __MEMBER_KEY__: label and key
// Parameters: __SLOT__: its property
// Returns: member_id
MATCH (member:__MEMBER__) WHERE member.__SLOT__ IS NOT NULL
RETURN toString(member.__MEMBER_KEY__) AS member_id
