// read_node_block: properties of nodes, each node's as one text.
// __TEXT__: its id and the properties, parted by $separator
// Parameters: $nodes: text: internal ids, a space between two; $separator: text
// Returns: rows: list of text
MATCH (n0) WHERE id(n0) IN [one IN split($nodes, ' ') | toInteger(one)]
RETURN collect(__TEXT__) AS rows
