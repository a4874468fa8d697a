// withdraw_runs: put an older run in view again, and mark those after it; nothing else changes.
// Parameters: $kind: text; $run_id: the one to be in view; $from: the one that is; $withdrawn: list of
//   run_id; $now: ISO 8601; $slot: of its scores, null for a run without
// Returns: moved: 1, or 0 when another run was published meanwhile or its scores are in no slot
MATCH (pointer:GraphmlPointer {kind: $kind})
SET pointer.locked = true REMOVE pointer.locked
WITH pointer
WHERE pointer.run_id = $run_id OR (pointer.run_id = $from AND ($slot IS NULL
  OR CASE $slot WHEN 'a' THEN pointer.holds_a ELSE pointer.holds_b END = $run_id))
SET pointer.run_id = $run_id, pointer.slot = coalesce($slot, pointer.slot)
WITH pointer
CALL () {
  MATCH (run:GraphmlRun) WHERE run.run_id IN $withdrawn
  SET run.withdrawn = $now
}
RETURN count(pointer) AS moved
