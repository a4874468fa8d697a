// count_nodes: how many nodes carry a label, from the server's own count.
// __LABEL__: label
// Parameters: none
// Returns: nodes: integer
MATCH (node:__LABEL__)
RETURN count(node) AS nodes
