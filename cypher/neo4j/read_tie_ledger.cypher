// read_tie_ledger: how many batches of ties a load that was cut off has written.
// Parameters: $plan: text: what the batches are cut from, and how
// Returns: side: text; batches: a row for each side that has written any
MATCH (ledger:GraphmlLedger {plan: $plan})
RETURN ledger.side AS side, ledger.batches AS batches
