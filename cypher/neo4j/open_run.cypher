// open_run: a run that nobody sees the results of yet.
// Parameters: $run_id, $kind, $model: text, model may be null; $as_of, $started: ISO 8601
// Returns: nothing
CREATE (:GraphmlRun {run_id: $run_id, kind: $kind, model: $model, as_of: $as_of, started: $started, rings: 0, scores: 0, failed: false})
