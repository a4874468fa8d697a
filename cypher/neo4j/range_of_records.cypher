// range_of_records: between which load sequences the records of one table lie.
// __RECORD__: label of the table's records
// Parameters: none
// Returns: first, last: sequences, null where there are none
CALL () { MATCH (record:__RECORD__) WHERE record.sequence > 0 RETURN record.sequence AS first ORDER BY first LIMIT 1 }
CALL () { MATCH (record:__RECORD__) WHERE record.sequence > 0 RETURN record.sequence AS last ORDER BY last DESC LIMIT 1 }
RETURN first, last
