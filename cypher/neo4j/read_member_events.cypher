// read_member_events: the latest events of each given member, each spelled as one text.
// __TEXT__: an event's columns, parted by $separator
// Parameters: $keys: list of member_id; $as_of: moment; $until: load sequence;
//   $count: events a member; $separator: text
// Returns: rows: list of text
UNWIND $keys AS key
MATCH (member:Member {member_id: key})
CALL (member) {
  MATCH (member)-[:DID]->(record:Event)
  WHERE record.time <= $as_of AND record.sequence <= $until
  RETURN record ORDER BY record.time DESC, record.event_id LIMIT $count
}
RETURN collect(__TEXT__) AS rows
