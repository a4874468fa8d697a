// read_decisions: the decisions taken by a moment, oldest first.
// Parameters: $as_of: microseconds since 1970
// Returns: unit, id, verdict, reason, by, time, members
MATCH (decision:GraphmlDecision)
WHERE decision.time <= $as_of
RETURN decision.unit AS unit, decision.id AS id, decision.verdict AS verdict,
  decision.reason AS reason, decision.by AS by, decision.time AS time, decision.members AS members
ORDER BY time, elementId(decision)
