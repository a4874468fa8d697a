"""Analysts' cases, and the audit: who did what, in a chain that shows every change to it."""
