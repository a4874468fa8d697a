// take_slot: claim the slot of scores that readers do not look at; a later run may take it away.
// Parameters: $run_id, $kind: text
// Returns: slot: a or b
MERGE (pointer:GraphmlPointer {kind: $kind})
SET pointer.writing = $run_id
RETURN CASE pointer.slot WHEN 'a' THEN 'b' ELSE 'a' END AS slot
