// read_match_block: the matches of a pattern that begin at given nodes, each as one text.
// __CHAIN__: what follows the first node, n0: nodes n1 … and steps r0 …; __TEXT__: the nodes' ids and
//   the steps' properties, parted by $separator
// Parameters: $nodes: text: internal ids, a space between two; $separator: text
// Returns: rows: list of text
MATCH (n0) WHERE id(n0) IN [one IN split($nodes, ' ') | toInteger(one)]
MATCH (n0)__CHAIN__
RETURN collect(__TEXT__) AS rows
