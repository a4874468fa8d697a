// read_runs: every run, the newest first.
// Parameters: none
// Returns: run_id, kind, model, as_of, started, finished, failed, rings, scores,
//   recommendations, content, withdrawn, scored, in_view
MATCH (run:GraphmlRun)
OPTIONAL MATCH (pointer:GraphmlPointer {kind: run.kind})
RETURN run.run_id AS run_id, run.kind AS kind, run.model AS model, run.as_of AS as_of,
  run.started AS started, run.finished AS finished, run.failed AS failed,
  run.rings AS rings, run.scores AS scores,
  run.recommendations AS recommendations, run.content AS content,
  run.withdrawn IS NOT NULL AS withdrawn, coalesce(run.scored, false) AS scored,
  coalesce(pointer.run_id = run.run_id, false) AS in_view
ORDER BY run.started DESC, run.run_id DESC
