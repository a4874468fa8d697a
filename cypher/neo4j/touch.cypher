// touch: begin a transaction at the server, whatever is in the store.
// Parameters: none
// Returns: one: 1
RETURN 1 AS one
