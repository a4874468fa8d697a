// remove_found: remove the rings and lists of runs that nobody looks at, in pieces.
// Parameters: $runs: list of run_id
// Returns: nothing
MATCH (found:GraphmlRing|GraphmlList)
WHERE found.run_id IN $runs
CALL (found) { DETACH DELETE found } IN TRANSACTIONS OF 1000 ROWS
