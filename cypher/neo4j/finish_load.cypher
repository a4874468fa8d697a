// finish_load: make a load visible, in the transaction that holds the lock.
// Parameters: $sequence: highest load sequence that is whole
// Returns: nothing
MATCH (store:GraphmlStore {name: 'store'})
SET store.sequence = $sequence
