// remove_all: remove every node of one of graphml's own labels, in pieces.
// __LABEL__: label
// Parameters: none
// Returns: nothing
MATCH (node:__LABEL__)
CALL (node) { DETACH DELETE node } IN TRANSACTIONS OF 1000 ROWS
