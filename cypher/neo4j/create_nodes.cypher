// create_nodes: nodes that are not in the store yet.
// __LABEL__, __KEY__: node type
// Parameters: $keys: list of text
// Returns: nothing
UNWIND $keys AS key
CREATE (:__LABEL__ {__KEY__: key})
