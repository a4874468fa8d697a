// write_loose_records: new records that belong to no node: labels of orders.
// __RECORD__: label of the records; __PROPERTIES__: their columns
// Parameters: $rows: list of text, a row each; $separator: text
// Returns: nothing
UNWIND $rows AS row
WITH split(row, $separator) AS fields
CREATE (:__RECORD__ {__PROPERTIES__})
