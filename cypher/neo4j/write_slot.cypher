// write_slot: one batch of scores, by whoever holds the slot; a run's batches are counted.
// __MEMBER__, __MEMBER_KEY__, __MEMBER_ID__: label, key, and what turns an id's text into the key's type
// Parameters: __SLOT__: its property; $run_id: text; $batch: its place in the run; $rows: list of [member_id, score]
// Returns: nothing
UNWIND $rows AS row
MATCH (member:__MEMBER__ {__MEMBER_KEY__: __MEMBER_ID__(row[0])})
SET member.__SLOT__ = row[1]
WITH count(member) AS found
OPTIONAL MATCH (run:GraphmlRun {run_id: $run_id})
SET run.batches = $batch + 1, run.scores = run.scores + size($rows), run.found = run.found + found
