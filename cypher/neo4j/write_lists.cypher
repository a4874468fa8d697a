// write_lists: what a run recommends to members: a node a member, with a relationship to each product.
// Parameters: $run_id: text; $batch: its place in the run; $rows: list of {member_id, json, products};
//   products: list of {product_id, rank, score}
// Returns: nothing
MATCH (run:GraphmlRun {run_id: $run_id})
SET run.batches = $batch + 1, run.recommendations = coalesce(run.recommendations, 0) + reduce(n = 0, row IN $rows | n + size(row.products))
WITH run
UNWIND $rows AS row
CREATE (run)-[:FOUND]->(list:GraphmlList {key: $run_id + ' ' + row.member_id, run_id: $run_id,
  member_id: row.member_id, json: row.json})
WITH list, row
OPTIONAL MATCH (member:Member {member_id: row.member_id})
FOREACH (one IN CASE WHEN member IS NULL THEN [] ELSE [member] END | CREATE (list)-[:IS_FOR]->(one))
WITH list, row
UNWIND row.products AS part
MATCH (product:Product {product_id: part.product_id})
CREATE (list)-[:RECOMMENDS {rank: part.rank, score: part.score}]->(product)
