// summarise: how many events there are, and from when to when.
// Parameters: $until: load sequence
// Returns: events: count; first, last: microseconds since 1970, null when there are none
MATCH (event:Event)
WHERE event.sequence <= $until
WITH count(event) AS events, min(event.time) AS first, max(event.time) AS last
RETURN events, first.epochMillis * 1000 + first.microsecond % 1000 AS first,
  last.epochMillis * 1000 + last.microsecond % 1000 AS last
