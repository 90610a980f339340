"""The command line: ``tokensession`` and ``python -m tokensession``."""

from tokensession.tools.cli.program import main

__all__ = ["main"]
