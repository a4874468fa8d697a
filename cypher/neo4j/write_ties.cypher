// write_ties: add the new events of pairs to their ties; a tie that has them already stays. A relationship
//   that was there before graphml is marked, so that uninstall leaves it.
// __TIE__: relationship type; __LABEL__, __KEY__: type of the node it leads to
// Parameters: $groups: list of [member_id, list of rows]; a row is key, first (seconds and
//   nanoseconds of the epoch), last (likewise), number of events, parted by $separator;
//   $sequence: load sequence up to which the ties count; $side, $plan: text; $batch: its place among
//   the batches of its side, which are counted, so that a load that is cut off goes on where they end
// Returns: nothing
MERGE (ledger:GraphmlLedger {side: $side})
SET ledger.plan = $plan, ledger.batches = $batch + 1
WITH ledger
UNWIND $groups AS group
MATCH (member:Member {member_id: group[0]})
UNWIND group[1] AS row
WITH member, split(row, $separator) AS fields
MATCH (target:__LABEL__ {__KEY__: fields[0]})
WITH member, target, toInteger(fields[5]) AS events,
  datetime.fromEpoch(toInteger(fields[1]), toInteger(fields[2])) AS first,
  datetime.fromEpoch(toInteger(fields[3]), toInteger(fields[4])) AS last
MERGE (member)-[tie:__TIE__]->(target)
ON CREATE SET tie.first = first, tie.last = last, tie.events = events, tie.sequence = $sequence
ON MATCH SET
  tie.graphml_adopted = CASE WHEN tie.sequence IS NULL THEN true ELSE tie.graphml_adopted END,
  tie.first = CASE WHEN tie.first <= first THEN tie.first ELSE first END,
  tie.last = CASE WHEN tie.last >= last THEN tie.last ELSE last END,
  tie.events = coalesce(tie.events, 0)
    + CASE WHEN coalesce(tie.sequence, 0) < $sequence THEN events ELSE 0 END,
  tie.sequence = $sequence
