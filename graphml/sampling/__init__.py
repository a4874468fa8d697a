"""Trees of edges around seeds, by edge time, each seed as of its own moment."""
