// own_indexes: the constraints and indexes that graphml made, by their names.
// Parameters: none
// Returns: name: text; unique: whether a constraint owns it
SHOW INDEXES YIELD name, owningConstraint
WHERE name STARTS WITH 'graphml.'
RETURN name, owningConstraint IS NOT NULL AS unique
