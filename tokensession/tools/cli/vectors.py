"""``tokensession vectors``: run the test vectors of the format against this library."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tokensession.tools.cli.streams import DONE, REFUSED, Commands, InputError, say, say_json
from tokensession.tools.vectors import VectorError, run

if TYPE_CHECKING:
    from argparse import Namespace


def add_commands(commands: Commands) -> None:
    """Add the noun ``vectors`` and its verb."""
    summary = "run the test vectors of the format"
    verbs: Commands = commands.add_parser(
        "vectors", help=summary, description="Run the test vectors of the format."
    ).add_subparsers(metavar="VERB", required=True)
    parser = verbs.add_parser(
        "run",
        help="run every case",
        description="Run every case of the vector files against this library, and name those that "
        "give another word or value than they expect. Exit code 1 if there are any.",
    )
    parser.add_argument(
        "folder",
        nargs="?",
        default="vectors",
        metavar="DIR",
        help="where the files are, which the repository has and the package has not (default: "
        "vectors)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run_vectors)


def run_vectors(args: Namespace) -> int:
    """Run every case, and print what failed and how many passed."""
    passed: Counter[str] = Counter()
    failed: dict[str, str] = {}
    try:
        for outcome in run(Path(args.folder)):
            if outcome.complaint is None:
                passed[outcome.id.split("/")[0]] += 1
            else:
                failed[outcome.id] = outcome.complaint
    except VectorError as error:
        raise InputError(str(error)) from None
    if args.json:
        say_json({"passed": dict(passed), "failed": failed})
    else:
        for case, complaint in failed.items():
            say(f"failed  {case}: {complaint}")
        for name, count in passed.items():
            say(f"{name:12}{count:4} passed")
        say(f"{passed.total()} passed, {len(failed)} failed")
    return REFUSED if failed else DONE
