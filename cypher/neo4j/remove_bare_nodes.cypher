// remove_bare_nodes: remove nodes that hold their key alone and are tied to nothing, in pieces.
// __LABEL__, __KEY__: node type
// Parameters: none
// Returns: nothing
MATCH (node:__LABEL__)
WHERE size(labels(node)) = 1 AND keys(node) = ['__KEY__'] AND NOT (node)--()
CALL (node) { DELETE node } IN TRANSACTIONS OF 10000 ROWS
