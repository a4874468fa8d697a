// count_scored: how many nodes have a score, whatever their label.
// Parameters: none
// Returns: nodes: count
MATCH (node)
WHERE node.graphml_fraud_a IS NOT NULL OR node.graphml_fraud_b IS NOT NULL
RETURN count(node) AS nodes
