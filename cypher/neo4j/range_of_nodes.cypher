// range_of_nodes: where the nodes of a label lie, and how many they are.
// __LABEL__: label
// Parameters: none
// Returns: first, last: internal ids, null where there is no node; nodes: count
MATCH (node:__LABEL__)
RETURN min(id(node)) AS first, max(id(node)) AS last, count(node) AS nodes
