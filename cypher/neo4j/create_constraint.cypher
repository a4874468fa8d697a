// create_constraint: one node per key.
// __LABEL__, __KEY__: node type
// Parameters: none
// Returns: nothing
CREATE CONSTRAINT `graphml.__LABEL__.__KEY__` IF NOT EXISTS FOR (node:__LABEL__) REQUIRE node.__KEY__ IS UNIQUE
