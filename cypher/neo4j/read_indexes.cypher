// read_indexes: what is constrained or indexed already.
// Parameters: none
// Returns: labels, keys: lists of text, null for lookup indexes; unique: whether a constraint owns it
SHOW INDEXES YIELD labelsOrTypes, properties, owningConstraint
RETURN labelsOrTypes AS labels, properties AS keys, owningConstraint IS NOT NULL AS unique
