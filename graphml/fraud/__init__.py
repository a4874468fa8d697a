"""What to do about scores of fraud."""

CARD = "detector.json"
"""What a fraud detector's folder holds, and no other model's; here, since asking for it must be quick."""

ORDERS = "orders.json"
"""The file in a model's folder that says that it holds one of orders."""
