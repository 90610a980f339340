"""``python -m tokensession`` is the command ``tokensession``."""

from tokensession.tools.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
