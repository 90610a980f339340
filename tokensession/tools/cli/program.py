"""The program: its parser, and what its exit code means."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections import Counter
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Final, cast

from tokensession.errors import TokenSessionError
from tokensession.keys.names import check_path
from tokensession.tools.cli import demos, keys, revocations, sessions, tokens
from tokensession.tools.cli.arguments import (
    Commands,
    add_command,
    add_json,
    add_noun,
    check_words,
)
from tokensession.tools.cli.completion import SHELLS, script
from tokensession.tools.cli.parser import Parser
from tokensession.tools.cli.phrases import in_options
from tokensession.tools.cli.progress import at_work
from tokensession.tools.cli.streams import (
    DONE,
    REFUSED,
    WRONG,
    InputError,
    complain,
    flush,
    open_missing,
    report,
    say,
)
from tokensession.tools.vectors.files import VectorError
from tokensession.tools.vectors.runner import run

if TYPE_CHECKING:
    from collections.abc import Sequence

_FAULT: Final = 70  # EX_SOFTWARE of sysexits.h
_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells count
_NOBODY_READS: Final = 141  # 128 + SIGPIPE

_EPILOG: Final = """\
exit codes:
  0    done
  1    the token was refused or the session is revoked; a vector or a step of the tour was not
       as it must be; or keys need an operator (keys status, keys check)
  2    wrong usage, configuration or input; or the output cannot be written
  70   a fault of this program
  130  interrupted
  141  the program that reads the output has ended

A DURATION is written 30m, 12h, 90d, 1h30m, or in seconds. A TIME is an ISO 8601 date or time, such
as 2030-01-31 or 2030-01-31T18:30:00Z, in UTC unless it says more; or Unix seconds.
Secrets and tokens are never arguments, because arguments show in process lists.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    open_missing()
    if sys.stdout is None:
        complain("standard output is closed; send it to /dev/null")
        return WRONG
    code = _guarded(argv)
    try:
        flush(sys.stdout)
    except BrokenPipeError:
        code = _NOBODY_READS
    except OSError as error:
        complain(f"standard output: {error.strerror}")
        code = WRONG
    finally:
        with suppress(OSError):
            flush(sys.stderr)
    return code


def _guarded(argv: Sequence[str] | None) -> int:
    """Run the command line, and always return an exit code."""
    try:
        return _run(argv)
    except SystemExit as stop:  # how argparse ends: 0 after --help, 2 after a complaint
        return WRONG if stop.code else DONE
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        return _NOBODY_READS
    except (OSError, TokenSessionError, InputError) as error:
        complain(_words(error))
        return WRONG
    except Exception as error:  # noqa: BLE001  # its text can hold a secret, and is not shown
        places = [f"{frame.filename}:{frame.lineno}" for frame in extract_tb(error.__traceback__)]
        complain(f"{type(error).__name__}, a fault of this program at {' > '.join(places)}")
        return _FAULT


def _words(error: Exception) -> str:
    """Return what an error says, without the number of a system's error."""
    if not isinstance(error, OSError):
        return in_options(str(error))
    name = "" if error.filename is None else f"{error.filename}: "
    return f"{name}{error.strerror or error}"


def _run(argv: Sequence[str] | None) -> int:
    parser = _parser()
    args = parser.parse_args(argv)
    if args.version:
        say(f"tokensession {version('tokensession')}")
        return DONE
    if args.print_completion is not None:
        say(script(parser, args.print_completion))
        return DONE
    if args.run is None:
        parser.error("a command is missing; see --help")
    check_words(args)
    code: int = args.run(args)
    return code


def _parser() -> ArgumentParser:
    own = Parser(
        prog="tokensession",
        description="Make and read session tokens, and look after their keys.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser: ArgumentParser = cast("ArgumentParser", own)  # as the types of its verbs are
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.add_argument(
        "--print-completion",
        choices=SHELLS,
        help="print the script with which this shell completes commands, options and files",
    )
    parser.set_defaults(run=None)
    commands: Commands = parser.add_subparsers(metavar="COMMAND")
    # One line for each module of commands, in the order of --help.
    keys.add_commands(commands)
    tokens.add_commands(commands)
    revocations.add_commands(commands)
    sessions.add_commands(commands)
    _add_vectors(commands)
    demos.add_commands(commands)
    return parser


def _add_vectors(commands: Commands) -> None:
    verbs = add_noun(commands, "vectors", "run the test vectors of the format")
    parser = add_command(
        verbs,
        "run",
        "run every case",
        run_vectors,
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
    add_json(parser)


def run_vectors(args: Namespace) -> int:
    """Run every case, and print what failed and how many passed."""
    passed: Counter[str] = Counter()
    failed: dict[str, str] = {}
    check_path(args.folder, "folder")
    try:
        with at_work() as progress:
            progress.things = "cases run"
            for outcome in run(Path(args.folder)):
                progress.count += 1
                if outcome.complaint is None:
                    passed[outcome.id.split("/")[0]] += 1
                else:
                    failed[outcome.id] = outcome.complaint
    except VectorError as error:
        raise InputError(str(error)) from None
    lines = [f"failed  {case}: {complaint}" for case, complaint in failed.items()]
    lines += [f"{name:12}{count:4} passed" for name, count in passed.items()]
    lines.append(f"{passed.total()} passed, {len(failed)} failed")
    report(args, {"passed": dict(passed), "failed": failed}, "\n".join(lines))
    return REFUSED if failed else DONE
