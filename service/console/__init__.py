"""Console: pages for people who log in, over the functions that the HTTP API answers with."""

from service.console.app import add_console

__all__ = ["add_console"]
