// read_lists: what one run recommends to members, by member.
// Parameters: $run_id: text
// Returns: json: text, a row a member: its recommendations by rank
MATCH (list:GraphmlList {run_id: $run_id})
RETURN list.json AS json ORDER BY list.member_id
