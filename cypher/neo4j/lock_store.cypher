// lock_store: hold the write lock until the transaction ends; a second writer waits here.
// Parameters: none
// Returns: version, sequence, reserved, as read_state
MATCH (store:GraphmlStore {name: 'store'})
SET store.locked = true REMOVE store.locked
WITH store
MATCH (counter:GraphmlSequence {name: 'sequence'})
RETURN store.version AS version, store.sequence AS sequence, counter.reserved AS reserved
