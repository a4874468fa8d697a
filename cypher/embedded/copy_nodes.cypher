// copy_nodes: fill a table of nodes or records.
// __LABEL__: its label
// Parameters: $rows: Arrow table with the columns of the table, in order
// Returns: nothing
COPY __LABEL__ FROM $rows
