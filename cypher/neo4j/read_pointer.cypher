// read_pointer: which run of a kind is in view, and whose scores the slots hold.
// Parameters: $kind: text
// Returns: run_id, slot, holds_a, holds_b: each may be null
MATCH (pointer:GraphmlPointer {kind: $kind})
RETURN pointer.run_id AS run_id, pointer.slot AS slot, pointer.holds_a AS holds_a, pointer.holds_b AS holds_b
