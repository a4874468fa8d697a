"""Where the graph is kept: one interface, an embedded and a Neo4j backend."""
