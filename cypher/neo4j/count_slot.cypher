// count_slot: how many members have a score in a slot, and how many a run has given one.
// __MEMBER__: label
// Parameters: __SLOT__: its property; $run_id: text
// Returns: held, found
MATCH (member:__MEMBER__) WHERE member.__SLOT__ IS NOT NULL
WITH count(member) AS held
OPTIONAL MATCH (run:GraphmlRun {run_id: $run_id})
RETURN held, coalesce(run.found, -1) AS found
