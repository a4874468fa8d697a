// write_fraud_slot_b: one batch of a run's scores, while the run holds the slot.
// Parameters: $run_id, $kind: text; $rows: list of [member_id, score]
// Returns: slots: 1, or 0 when another run has taken the slot
MATCH (pointer:GraphmlPointer {kind: $kind})
SET pointer.locked = true REMOVE pointer.locked
WITH pointer
WHERE pointer.writing = $run_id
MATCH (run:GraphmlRun {run_id: $run_id})
SET run.scores = run.scores + size($rows)
WITH run
CALL () {
  UNWIND $rows AS row
  MATCH (member:Member {member_id: row[0]})
  SET member.graphml_fraud_b = row[1]
}
RETURN count(run) AS slots
