// read_shared_events: the latest events that name each given node, each spelled as one text.
//   Its ties lead to its members, their timelines to the events: no index on a column is needed.
// __LABEL__, __KEY__: node type; __TEXT__: an event's columns, parted by $separator
// Parameters: $keys: list of text; $as_of: moment; $until: load sequence; $count: events a node;
//   $separator: text
// Returns: rows: list of text
UNWIND $keys AS key
MATCH (node:__LABEL__ {__KEY__: key})
CALL (node, key) {
  MATCH (node)<-[tie]-(member:Member)
  WHERE tie.first <= $as_of
  WITH DISTINCT member, key
  MATCH (member)-[:DID]->(record:Event)
  WHERE record.__KEY__ = key AND record.time <= $as_of AND record.sequence <= $until
  RETURN record ORDER BY record.time DESC, record.event_id LIMIT $count
}
RETURN collect(__TEXT__) AS rows
