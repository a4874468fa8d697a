// take_slot: claim the slot of scores that readers do not look at; a later run may take it away.
//   Whoever holds it already goes on where its batches end; for anybody else they begin anew.
// Parameters: $run_id, $kind: text
// Returns: slot: a or b
MERGE (pointer:GraphmlPointer {kind: $kind})
SET pointer.locked = true REMOVE pointer.locked
WITH pointer, CASE pointer.slot WHEN 'a' THEN 'b' ELSE 'a' END AS slot,
  coalesce(pointer.writing = $run_id, false) AS mine
OPTIONAL MATCH (run:GraphmlRun {run_id: $run_id})
SET pointer.writing = $run_id,
  pointer.holds_a = CASE slot WHEN 'a' THEN null ELSE pointer.holds_a END,
  pointer.holds_b = CASE slot WHEN 'b' THEN null ELSE pointer.holds_b END,
  run.batches = CASE WHEN mine THEN run.batches ELSE 0 END,
  run.found = CASE WHEN mine THEN run.found ELSE 0 END,
  run.scores = CASE WHEN mine THEN run.scores ELSE 0 END
RETURN slot
