// finish_load: make a load visible, in the transaction that holds the lock; its batches need no count more.
// Parameters: $sequence: highest load sequence that is whole
// Returns: nothing
MATCH (store:GraphmlStore {name: 'store'})
SET store.sequence = $sequence
WITH store
MATCH (ledger:GraphmlLedger)
DELETE ledger
