// type_of_key: of what types a key of a label is.
// __LABEL__, __KEY__: label and key
// Parameters: none
// Returns: kind: STRING, INTEGER, …, a row a type
MATCH (node:__LABEL__) WHERE node.__KEY__ IS NOT NULL
RETURN DISTINCT split(valueType(node.__KEY__), ' ')[0] AS kind
