// reserve: give out load sequences; those of a load that is cut off stay unused.
// Parameters: $count: how many
// Returns: first: the first of them
MATCH (counter:GraphmlSequence {name: 'sequence'})
SET counter.reserved = counter.reserved + $count
RETURN counter.reserved - $count + 1 AS first
