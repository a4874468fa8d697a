// read_tie_block: the ids of the matches of a pattern that begin at given nodes, many in one text.
// __CHAIN__: what follows the first node, n0: nodes n1 … and steps r0 …; __IDS__: the nodes' ids as one
//   text, each with a space behind it
// Parameters: $nodes: text: internal ids, a space between two; $fold: matches in one text
// Returns: rows: list of text
MATCH (n0) WHERE id(n0) IN [one IN split($nodes, ' ') | toInteger(one)]
MATCH (n0)__CHAIN__
WITH collect(__IDS__) AS ids
UNWIND range(0, size(ids) - 1, $fold) AS at
RETURN collect(reduce(text = '', one IN ids[at..at + $fold] | text + one)) AS rows
