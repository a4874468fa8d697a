// type_of_key: of what type a key of a label is.
// __LABEL__, __KEY__: label and key
// Parameters: none
// Returns: kind: STRING, INTEGER, …; no row where no node has it
MATCH (node:__LABEL__) WHERE node.__KEY__ IS NOT NULL
WITH node.__KEY__ AS key LIMIT 1
RETURN split(valueType(key), ' ')[0] AS kind
