// write_lists: what a run recommends to members: a node a member, with a relationship to each product.
// __MEMBER__, __MEMBER_KEY__, __MEMBER_ID__: label, key, and what turns an id's text into the key's type;
//   __PRODUCT__, __PRODUCT_KEY__, __PRODUCT_ID__: likewise
// Parameters: $run_id: text; $batch: its place in the run; $rows: list of {member_id, json, products};
//   products: list of {product_id, rank, score}
// Returns: nothing
MATCH (run:GraphmlRun {run_id: $run_id})
SET run.batches = $batch + 1, run.recommendations = coalesce(run.recommendations, 0) + reduce(n = 0, row IN $rows | n + size(row.products))
WITH run
UNWIND $rows AS row
CREATE (run)-[:GRAPHML_FOUND]->(list:GraphmlList {key: $run_id + ' ' + row.member_id, run_id: $run_id,
  member_id: row.member_id, json: row.json})
WITH list, row
OPTIONAL MATCH (member:__MEMBER__ {__MEMBER_KEY__: __MEMBER_ID__(row.member_id)})
FOREACH (one IN CASE WHEN member IS NULL THEN [] ELSE [member] END | CREATE (list)-[:GRAPHML_IS_FOR]->(one))
WITH list, row
UNWIND row.products AS part
MATCH (product:__PRODUCT__ {__PRODUCT_KEY__: __PRODUCT_ID__(part.product_id)})
CREATE (list)-[:GRAPHML_RECOMMENDS {rank: part.rank, score: part.score}]->(product)
