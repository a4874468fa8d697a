// publish_run: put a run in view; all that readers see changes here, in one small transaction.
// Parameters: $run_id, $kind: text; $finished: ISO 8601; $slot: a, b, or null for a run without scores
// Returns: slots: 1, or 0 when another run has taken the slot of this one's scores
MERGE (pointer:GraphmlPointer {kind: $kind})
SET pointer.locked = true REMOVE pointer.locked
WITH pointer
WHERE $slot IS NULL OR pointer.writing = $run_id
MATCH (run:GraphmlRun {run_id: $run_id})
SET run.finished = $finished, pointer.run_id = $run_id,
  pointer.slot = CASE WHEN $slot IS NULL THEN pointer.slot ELSE $slot END,
  pointer.writing = CASE WHEN $slot IS NULL THEN pointer.writing ELSE null END
RETURN count(run) AS slots
