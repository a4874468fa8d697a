// remove_records: remove what graphml has written of a table, in pieces.
// __RECORD__: label of the table's records
// Parameters: $last: highest load sequence given out
// Returns: nothing
MATCH (record:__RECORD__)
WHERE record.sequence >= 1 AND record.sequence <= $last
  AND ((record:LabelRecord AND record.member_id IS NULL) OR EXISTS { (record)<-[:DID|HAS]-() })
CALL (record) { DETACH DELETE record } IN TRANSACTIONS OF 10000 ROWS
