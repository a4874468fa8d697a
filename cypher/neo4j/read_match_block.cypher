// read_match_block: the matches of a pattern whose first node lies in a range of internal ids.
// __LABEL__: label of the first node, n0; __CHAIN__: what follows it: nodes n1 … and steps r0 …;
//   __IDS__: the nodes' ids, a list each; __TEXT__: the steps' properties, parted by $separator
// Parameters: $first, $last: ids, both included; $separator: text
// Returns: ids: a list of integers for each node of the pattern; rows: list of text
MATCH (n0) WHERE id(n0) IN range($first, $last) AND n0:__LABEL__
MATCH (n0)__CHAIN__
RETURN [__IDS__] AS ids, collect(__TEXT__) AS rows
