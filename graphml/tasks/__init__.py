"""What to predict, for whom, as of when."""
