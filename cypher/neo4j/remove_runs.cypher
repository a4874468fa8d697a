// remove_runs: remove what says that runs were there.
// Parameters: $runs: list of run_id
// Returns: nothing
MATCH (run:GraphmlRun)
WHERE run.run_id IN $runs
DETACH DELETE run
