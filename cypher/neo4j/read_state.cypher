// read_state: how far the store is loaded.
// Parameters: none
// Returns: version: schema version; sequence: highest load sequence that is whole, ties included;
//   reserved: highest one given out. No row for a store that graphml never wrote.
MATCH (store:GraphmlStore {name: 'store'})
OPTIONAL MATCH (counter:GraphmlSequence {name: 'sequence'})
RETURN store.version AS version, store.sequence AS sequence, coalesce(counter.reserved, 0) AS reserved
