// read_databases: which databases there are, and whether they take writes; more than one row each in a cluster.
// Parameters: none
// Returns: name, access (read-write or read-only), status: text; writer: whether this row's server takes writes
SHOW DATABASES YIELD name, access, currentStatus, writer
RETURN name, access, currentStatus AS status, writer
