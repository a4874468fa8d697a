// write_rings: rings of a run, each with its JSON and a relationship to every member it names.
// __MEMBER__, __MEMBER_KEY__, __MEMBER_ID__: label, key, and what turns an id's text into the key's type
// Parameters: $run_id: text; $batch: its place in the run; $rows: list of {position, ring_id, kind, score, json, members};
//   members: list of {member_id, role, score}
// Returns: nothing
MATCH (run:GraphmlRun {run_id: $run_id})
SET run.rings = run.rings + size($rows), run.batches = $batch + 1
WITH run
UNWIND $rows AS row
CREATE (run)-[:GRAPHML_FOUND]->(ring:GraphmlRing {key: $run_id + ' ' + toString(row.position), run_id: $run_id,
  position: row.position, ring_id: row.ring_id, kind: row.kind, score: row.score, json: row.json})
WITH ring, row
UNWIND row.members AS part
MATCH (member:__MEMBER__ {__MEMBER_KEY__: __MEMBER_ID__(part.member_id)})
CREATE (ring)-[:GRAPHML_INCLUDES {role: part.role, score: part.score}]->(member)
