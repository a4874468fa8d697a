// count_degrees: how many relationships begin or end at nodes of a label, from the server's own counts.
// __LABEL__: label
// Parameters: none
// Returns: ends: count
CALL () { MATCH (:__LABEL__)-[step]->() RETURN count(step) AS begun }
CALL () { MATCH (:__LABEL__)<-[step]-() RETURN count(step) AS ended }
RETURN begun + ended AS ends
