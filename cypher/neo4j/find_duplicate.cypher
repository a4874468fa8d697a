// find_duplicate: a value that several nodes of a label have as their key.
// __LABEL__, __KEY__: label and key
// Parameters: none
// Returns: key: text; no row where each value names one node
MATCH (node:__LABEL__) WHERE node.__KEY__ IS NOT NULL
WITH node.__KEY__ AS key, count(node) AS nodes
WHERE nodes > 1
RETURN toStringOrNull(key) AS key LIMIT 1
