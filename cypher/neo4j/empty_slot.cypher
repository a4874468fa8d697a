// empty_slot: take the scores of some members out of a slot.
// __MEMBER__, __MEMBER_KEY__, __MEMBER_ID__: label, key, and what turns an id's text into the key's type
// Parameters: __SLOT__: its property; $members: list of member_id
// Returns: nothing
UNWIND $members AS member_id
MATCH (member:__MEMBER__ {__MEMBER_KEY__: __MEMBER_ID__(member_id)})
REMOVE member.__SLOT__
