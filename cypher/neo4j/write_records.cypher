// write_records: new records of one table, each with a relationship from its member or product.
// __LABEL__, __KEY__: type of that node; __RELATION__; __RECORD__: label of the records;
//   __PROPERTIES__: their columns
// Parameters: $groups: list of [key, list of rows], a row spelled as one text; $separator: text
// Returns: nothing
UNWIND $groups AS group
MATCH (node:__LABEL__ {__KEY__: group[0]})
UNWIND group[1] AS row
WITH node, split(row, $separator) AS fields
CREATE (node)-[:__RELATION__]->(:__RECORD__ {__PROPERTIES__})
