"""The command line: parse, call one function, print."""

from graphml.cli.app import app

__all__ = ["app"]
