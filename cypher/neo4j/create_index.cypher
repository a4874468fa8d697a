// create_index: find records by load sequence, in blocks.
// __LABEL__, __KEY__: label and property
// Parameters: none
// Returns: nothing
CREATE INDEX `graphml.__LABEL__.__KEY__` IF NOT EXISTS FOR (node:__LABEL__) ON (node.__KEY__)
