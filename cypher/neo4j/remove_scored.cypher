// remove_scored: take all scores away, in pieces.
// Parameters: none
// Returns: nothing
MATCH (node)
WHERE node.graphml_fraud_a IS NOT NULL OR node.graphml_fraud_b IS NOT NULL
CALL (node) { REMOVE node.graphml_fraud_a, node.graphml_fraud_b } IN TRANSACTIONS OF 10000 ROWS
