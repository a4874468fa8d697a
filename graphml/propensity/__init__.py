"""How likely members are to do things within a horizon: buy, come back, stay away."""

CARD = "propensity.json"
"""The file in a model's folder that says that it holds one of behaviour."""

FLAT = "flat.json"
"""The file in a model's folder that says that it holds one of a flat table."""
