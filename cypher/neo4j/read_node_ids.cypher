// read_node_ids: internal ids of the nodes of a label that lie in a range of ids, many in one text.
// __LABEL__: label
// Parameters: $first, $last: ids, both included; $fold: ids in one text
// Returns: rows: list of text: ids, each with a space behind it
MATCH (node:__LABEL__)
WHERE id(node) >= $first AND id(node) <= $last
WITH collect(toString(id(node)) + ' ') AS ids
UNWIND range(0, size(ids) - 1, $fold) AS at
RETURN collect(reduce(text = '', one IN ids[at..at + $fold] | text + one)) AS rows
