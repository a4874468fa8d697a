// create_store: the two nodes that say how far the store is loaded.
// Parameters: $version: schema version
// Returns: nothing
MERGE (store:GraphmlStore {name: 'store'})
ON CREATE SET store.version = $version, store.sequence = 0
MERGE (counter:GraphmlSequence {name: 'sequence'})
ON CREATE SET counter.reserved = 0
