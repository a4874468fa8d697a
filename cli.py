"""Run the command line from a checkout: ``python cli.py detect-rings``."""

from graphml.cli import app

if __name__ == "__main__":
    app()
