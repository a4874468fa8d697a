// remove_ties: remove the ties of a type that graphml has made, in pieces.
// __TIE__: relationship type
// Parameters: $last: highest load sequence given out
// Returns: nothing
MATCH (:Member)-[tie:__TIE__]->()
WHERE tie.sequence >= 1 AND tie.sequence <= $last AND tie.events IS NOT NULL AND tie.graphml_adopted IS NULL
CALL (tie) { DELETE tie } IN TRANSACTIONS OF 10000 ROWS
