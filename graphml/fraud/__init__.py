"""What to do about scores of fraud."""

CARD = "detector.json"
"""What a fraud detector's folder holds, and no other model's; here, since asking for it must be quick."""
