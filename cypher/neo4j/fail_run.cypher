// fail_run: mark a run that was given up, and count nothing of it.
// Parameters: $run_id: text; $finished: ISO 8601
// Returns: nothing
MATCH (run:GraphmlRun {run_id: $run_id})
SET run.failed = true, run.finished = $finished
WITH run
MATCH (run)-[:FOUND]->(found)
DETACH DELETE found
