// count_steps: how many relationships of a type there are.
// __TYPE__: relationship type
// Parameters: none
// Returns: steps: count
MATCH ()-[step:__TYPE__]->()
RETURN count(step) AS steps
