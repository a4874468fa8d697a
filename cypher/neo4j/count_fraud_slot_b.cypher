// count_fraud_slot_b: how many members have a score in slot b, and how many a run has given one.
// Parameters: $run_id: text
// Returns: held, found
MATCH (member:Member) WHERE member.graphml_fraud_b IS NOT NULL
WITH count(member) AS held
OPTIONAL MATCH (run:GraphmlRun {run_id: $run_id})
RETURN held, coalesce(run.found, -1) AS found
