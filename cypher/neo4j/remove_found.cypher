// remove_found: remove the rings and lists of runs that nobody looks at, in pieces.
// Parameters: $runs: list of run_id
// Returns: nothing
MATCH (run:GraphmlRun)-[:FOUND]->(found)
WHERE run.run_id IN $runs
CALL (found) { DETACH DELETE found } IN TRANSACTIONS OF 1000 ROWS
