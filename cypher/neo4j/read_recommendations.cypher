// read_recommendations: the products recommended to a member by the run in view, best first. This is how
//   any reader gets them.
// Parameters: $member_id: text
// Returns: product_id, rank: from 1 on, score, run_id
MATCH (pointer:GraphmlPointer {kind: 'recommend'})
MATCH (list:GraphmlList {key: pointer.run_id + ' ' + $member_id})-[part:GRAPHML_RECOMMENDS]->(product:Product)
RETURN product.product_id AS product_id, part.rank AS rank, part.score AS score, pointer.run_id AS run_id
ORDER BY part.rank
