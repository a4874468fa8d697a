// create_records: a table of records, one node per row of a table of the schema.
// __RECORD__: label of the records; __COLUMNS__: their columns with types
// Parameters: none
// Returns: nothing
CREATE NODE TABLE __RECORD__(__COLUMNS__, `sequence` INT64 PRIMARY KEY)
