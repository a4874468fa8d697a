// await_indexes: wait until new constraints and indexes are in use.
// Parameters: none
// Returns: nothing
CALL db.awaitIndexes(300)
