// create_relation: a table of relationships from nodes to their records.
// __RELATION__: its type; __PAIRS__: FROM label TO label, several by comma
// Parameters: none
// Returns: nothing
CREATE REL TABLE __RELATION__(__PAIRS__)
