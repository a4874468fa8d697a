// drop_index: take an index away.
// __NAME__: its name
// Parameters: none
// Returns: nothing
DROP INDEX __NAME__ IF EXISTS
