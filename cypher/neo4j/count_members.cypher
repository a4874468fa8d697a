// count_members: members with an event or a record of their own.
// Parameters: $until: load sequence
// Returns: members: integer
MATCH (member:Member)
WHERE EXISTS { (member)-[:DID]->(event:Event) WHERE event.sequence <= $until }
  OR EXISTS { (member)-[:HAS]->(record:MemberRecord) WHERE record.sequence <= $until }
RETURN count(member) AS members
