// read_order_labels: the labels of given orders, each spelled as one text.
// __TEXT__: a label's columns, parted by $separator
// Parameters: $keys: list of order_id; $until: load sequence; $separator: text
// Returns: rows: list of text
UNWIND $keys AS key
MATCH (record:LabelRecord {order_id: key})
WHERE record.sequence <= $until
RETURN collect(__TEXT__) AS rows
