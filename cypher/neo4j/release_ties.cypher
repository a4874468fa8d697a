// release_ties: take graphml's properties off relationships of a type that were there before it, in pieces.
// __TIE__: relationship type
// Parameters: none
// Returns: nothing
MATCH (:Member)-[tie:__TIE__]->()
WHERE tie.graphml_adopted
CALL (tie) {
  REMOVE tie.first, tie.last, tie.events, tie.sequence, tie.graphml_adopted
} IN TRANSACTIONS OF 10000 ROWS
