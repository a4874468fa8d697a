// fill_slot: say that a slot holds all scores of an older run, whose pointer may then be moved to it.
// Parameters: $kind: text; $token: who claimed the slot; $slot: a or b; $run_id: whose scores, or null
// Returns: filled: 1, or 0 when another run has taken the slot
MATCH (pointer:GraphmlPointer {kind: $kind})
SET pointer.locked = true REMOVE pointer.locked
WITH pointer
WHERE pointer.writing = $token
SET pointer.writing = null,
  pointer.holds_a = CASE $slot WHEN 'a' THEN $run_id ELSE pointer.holds_a END,
  pointer.holds_b = CASE $slot WHEN 'b' THEN $run_id ELSE pointer.holds_b END
RETURN count(pointer) AS filled
