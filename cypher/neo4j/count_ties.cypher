// count_ties: how many ties of a type graphml has written.
// __TIE__: relationship type
// Parameters: $last: highest load sequence given out
// Returns: ties: count
MATCH (:Member)-[tie:__TIE__]->()
WHERE tie.sequence >= 1 AND tie.sequence <= $last AND tie.events IS NOT NULL
RETURN count(tie) AS ties
