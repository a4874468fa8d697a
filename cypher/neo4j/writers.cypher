// writers: who holds the write lock, as they signed their transactions.
// Parameters: none
// Returns: writer: text
SHOW TRANSACTIONS YIELD metaData
WHERE metaData.graphml_writer IS NOT NULL
RETURN metaData.graphml_writer AS writer
