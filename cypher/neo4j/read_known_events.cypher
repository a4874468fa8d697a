// read_known_events: those of the given events that are in the store, each spelled as one text.
// __TEXT__: its columns, parted by $separator
// Parameters: $keys: list of event_id; $separator: text
// Returns: rows: list of text
UNWIND $keys AS key
MATCH (record:Event {event_id: key})
RETURN collect(__TEXT__) AS rows
