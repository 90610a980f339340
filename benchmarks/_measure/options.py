"""What the programs share: their options, and the README that they write into."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

README: Final = Path(__file__).resolve().parent.parent / "README.md"


def parser(description: str, *, rounds: int, quick_rounds: int) -> argparse.ArgumentParser:
    """Return a parser with the options that every program has."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--rounds", type=_rounds, default=rounds, help=f"default: {rounds}")
    made.add_argument("--quick", action="store_true", help=f"{quick_rounds} rounds")
    made.add_argument("--write", action="store_true", help="put the section into the README")
    return made


def write_section(marker: str, section: str) -> None:
    """Replace what is between two equal markers of the README."""
    before, _, after = README.read_text().split(marker)
    README.write_text(f"{before}{marker}\n\n{section}\n\n{marker}{after}")


def _rounds(text: str) -> int:
    rounds = int(text)
    if rounds < 2:  # noqa: PLR2004  # quartiles need two
        raise argparse.ArgumentTypeError("at least 2 rounds")
    return rounds
