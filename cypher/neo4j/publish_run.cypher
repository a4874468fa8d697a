// publish_run: put a run in view; all that readers see changes here, in one small transaction.
//   What holds the slots is kept beside them, for a rollback. Twice is the same as once.
// Parameters: $run_id, $kind: text; $finished: ISO 8601; $slot: a, b, or null for a run without scores
// Returns: slots: 1, or 0 when another run has taken the slot of this one's scores, or it was given up
MERGE (pointer:GraphmlPointer {kind: $kind})
SET pointer.locked = true REMOVE pointer.locked
WITH pointer
WHERE $slot IS NULL OR pointer.writing = $run_id OR pointer.run_id = $run_id
MATCH (run:GraphmlRun {run_id: $run_id})
WHERE NOT run.failed
SET run.finished = coalesce(run.finished, $finished), run.scored = $slot IS NOT NULL, pointer.run_id = $run_id,
  pointer.slot = coalesce($slot, pointer.slot),
  pointer.holds_a = CASE $slot WHEN 'a' THEN $run_id ELSE pointer.holds_a END,
  pointer.holds_b = CASE $slot WHEN 'b' THEN $run_id ELSE pointer.holds_b END,
  pointer.writing = CASE WHEN $slot IS NULL THEN pointer.writing ELSE null END
RETURN count(run) AS slots
