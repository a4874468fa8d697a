// read_records: one block of a table's records, each spelled as one text.
// __RECORD__: label of the table's records; __TEXT__: its columns, parted by $separator
// Parameters: $after, $until: load sequences, the first left out; $as_of: moment or null for all;
//   $separator: text
// Returns: rows: list of text
MATCH (record:__RECORD__)
WHERE record.sequence > $after AND record.sequence <= $until
  AND ($as_of IS NULL OR record.time <= $as_of)
RETURN collect(__TEXT__) AS rows
