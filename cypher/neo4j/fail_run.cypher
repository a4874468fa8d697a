// fail_run: mark a run that was given up; one that is finished stays as it is.
// Parameters: $run_id: text; $finished: ISO 8601
// Returns: failed: 1, or 0 for a run that is finished
MATCH (run:GraphmlRun {run_id: $run_id})
WHERE run.finished IS NULL
SET run.failed = true, run.finished = $finished
RETURN count(run) AS failed
