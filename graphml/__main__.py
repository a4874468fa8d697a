"""``python -m graphml`` is the command ``graphml``."""

from graphml.cli import app

if __name__ == "__main__":
    app()
