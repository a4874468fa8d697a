// read_functions: the functions that a statement may call, and whether they are the server's own.
// Parameters: none
// Returns: name: text; own: boolean
SHOW FUNCTIONS YIELD name, isBuiltIn
RETURN name, isBuiltIn AS own
