// read_scores: the fraud scores in view, the riskiest first. This is how any reader gets them:
//   the published run names the slot that is live.
// Parameters: none
// Returns: member_id, score: in [0, 1], run_id
MATCH (pointer:GraphmlPointer {kind: 'fraud'})
WHERE pointer.slot IS NOT NULL
MATCH (member:Member)
WITH pointer, member,
  CASE pointer.slot WHEN 'a' THEN member.graphml_fraud_a ELSE member.graphml_fraud_b END AS score
WHERE score IS NOT NULL
RETURN member.member_id AS member_id, score, pointer.run_id AS run_id
ORDER BY score DESC, member_id
