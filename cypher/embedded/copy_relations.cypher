// copy_relations: fill a table of relationships between two labels.
// __RELATION__: its type; __SOURCE__, __TARGET__: labels
// Parameters: $rows: Arrow table: key of the source, key of the target, then the properties
// Returns: nothing
COPY __RELATION__ FROM $rows (from='__SOURCE__', to='__TARGET__')
