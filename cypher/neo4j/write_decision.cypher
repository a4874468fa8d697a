// write_decision: keep an analyst's decision; the same one is kept once.
// Parameters: $key: digest of the decision; $unit, $id, $verdict, $reason, $by: text;
//   $time: microseconds since 1970; $members: list of text; $token: text of this attempt
// Returns: new: whether it was not there before
MERGE (decision:GraphmlDecision {key: $key})
ON CREATE SET decision.unit = $unit, decision.id = $id, decision.verdict = $verdict,
  decision.reason = $reason, decision.by = $by, decision.time = $time,
  decision.members = $members, decision.token = $token
RETURN decision.token = $token AS new
