// read_indexes: what is constrained or indexed already.
// Parameters: none
// Returns: labels, keys: lists of text; unique: whether a constraint owns it
SHOW INDEXES YIELD labelsOrTypes, properties, owningConstraint, type, entityType
WHERE type = 'RANGE' AND entityType = 'NODE'
RETURN labelsOrTypes AS labels, properties AS keys, owningConstraint IS NOT NULL AS unique
