"""Fraud rings from shared identifiers and behaviour in step."""
