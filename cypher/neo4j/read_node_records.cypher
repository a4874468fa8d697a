// read_node_records: the records that belong to given nodes, each spelled as one text.
// __LABEL__, __KEY__: node type; __RECORD__: label of the records; __TEXT__: their columns,
//   parted by $separator
// Parameters: $keys: list of text; $until: load sequence; $separator: text
// Returns: rows: list of text
UNWIND $keys AS key
MATCH (node:__LABEL__ {__KEY__: key})-[:HAS]->(record:__RECORD__)
WHERE record.sequence <= $until
RETURN collect(__TEXT__) AS rows
