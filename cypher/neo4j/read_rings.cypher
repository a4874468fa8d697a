// read_rings: the rings of one run, best first, those of equal score as they were written.
// Parameters: $run_id: text
// Returns: json: text, a row a ring
MATCH (ring:GraphmlRing {run_id: $run_id})
RETURN ring.json AS json ORDER BY ring.score DESC, ring.position
