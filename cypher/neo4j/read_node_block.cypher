// read_node_block: properties of the nodes of a label in a range of internal ids, each node's as one text.
// __LABEL__: label; __TEXT__: the properties, parted by $separator
// Parameters: $first, $last: ids, both included; $separator: text
// Returns: ids: list of integers; rows: list of text
MATCH (n0) WHERE id(n0) IN range($first, $last) AND n0:__LABEL__
RETURN collect(id(n0)) AS ids, collect(__TEXT__) AS rows
