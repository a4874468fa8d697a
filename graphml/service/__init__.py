"""REST over the same functions as the command line, and the page that asks it."""
