"""Fitting networks, keeping their state, asking them."""
