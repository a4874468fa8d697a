// count_records: how many records of a table graphml has written.
// __RECORD__: label of the table's records
// Parameters: $last: highest load sequence given out
// Returns: nodes: count
MATCH (record:__RECORD__)
WHERE record.sequence >= 1 AND record.sequence <= $last
  AND (EXISTS { MATCH (record)<-[:DID|HAS]-(m:Member) WHERE m.member_id = record.member_id }
    OR EXISTS { MATCH (record)<-[:HAS]-(p:Product) WHERE p.product_id = record.product_id }
    OR (record:LabelRecord AND record.member_id IS NULL AND record.order_id IS NOT NULL))
RETURN count(record) AS nodes
