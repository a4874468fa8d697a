"""Products for members: what to show whom, and why."""

CARD = "recommender.json"
"""The file in a model's folder that says that it holds a recommender."""
