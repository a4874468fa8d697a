// create_nodes: a table of nodes, one per key.
// __LABEL__, __KEY__: node type
// Parameters: none
// Returns: nothing
CREATE NODE TABLE __LABEL__(`__KEY__` STRING PRIMARY KEY)
