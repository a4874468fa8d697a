// drop_constraint: take a constraint and its index away.
// __NAME__: its name
// Parameters: none
// Returns: nothing
DROP CONSTRAINT __NAME__ IF EXISTS
