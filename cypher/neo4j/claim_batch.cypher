// claim_batch: lock a run before a batch of it is written, and tell how many of its batches are there.
// Parameters: $run_id, $kind: text
// Returns: batches: how many have been written; ended: whether it was given up or is finished;
//   holds: whether the slot of scores is still its own
MERGE (pointer:GraphmlPointer {kind: $kind})
SET pointer.locked = true REMOVE pointer.locked
WITH pointer
OPTIONAL MATCH (run:GraphmlRun {run_id: $run_id})
RETURN coalesce(run.batches, 0) AS batches, coalesce(run.failed OR run.finished IS NOT NULL, false) AS ended,
  coalesce(pointer.writing = $run_id, false) AS holds
