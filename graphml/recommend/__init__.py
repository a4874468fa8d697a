"""Products for members: what to show whom, and why."""
