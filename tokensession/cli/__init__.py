"""The command line: ``tokensession`` and ``python -m tokensession``."""

from tokensession.cli.program import main

__all__ = ["main"]
