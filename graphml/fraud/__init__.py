"""What to do about scores of fraud."""
