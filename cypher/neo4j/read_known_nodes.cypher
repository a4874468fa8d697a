// read_known_nodes: which of the given nodes are in the store.
// __LABEL__, __KEY__: node type
// Parameters: $keys: list of text
// Returns: known: list of text
UNWIND $keys AS key
MATCH (node:__LABEL__ {__KEY__: key})
RETURN collect(key) AS known
