"""``python -m tokensession`` is the command ``tokensession``."""

from tokensession.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
