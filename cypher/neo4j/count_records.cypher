// count_records: how many records of a table graphml has written.
// __RECORD__: label of the table's records
// Parameters: $last: highest load sequence given out
// Returns: nodes: count
MATCH (record:__RECORD__)
WHERE record.sequence >= 1 AND record.sequence <= $last
  AND ((record:LabelRecord AND record.member_id IS NULL) OR EXISTS { (record)<-[:DID|HAS]-() })
RETURN count(record) AS nodes
