// open_run: a run that nobody sees the results of yet, or the one of the same content that was cut off.
// Parameters: $run_id, $kind, $model, $content: text, the last two may be null; $as_of, $started: ISO 8601
// Returns: run_id: of the run to be written
MERGE (pointer:GraphmlPointer {kind: $kind})
SET pointer.locked = true REMOVE pointer.locked
WITH pointer
OPTIONAL MATCH (begun:GraphmlRun {kind: $kind, content: $content})
WHERE begun.finished IS NULL AND NOT begun.failed
WITH begun ORDER BY begun.started LIMIT 1
WITH coalesce(begun.run_id, $run_id) AS run_id
MERGE (run:GraphmlRun {run_id: run_id})
ON CREATE SET run.kind = $kind, run.model = $model, run.as_of = $as_of, run.started = $started,
  run.content = $content, run.rings = 0, run.scores = 0, run.found = 0, run.batches = 0, run.failed = false
RETURN run.run_id AS run_id
