// create_ties: a table of ties, one per pair of nodes that events tie.
// __TIE__: relationship type; __PAIRS__: FROM label TO label, several by comma
// Parameters: none
// Returns: nothing
CREATE REL TABLE __TIE__(__PAIRS__, `first` TIMESTAMP, `last` TIMESTAMP, `events` INT64)
