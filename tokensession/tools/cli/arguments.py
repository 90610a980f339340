"""The arguments that commands share, and the key ring that they name."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Final, TypeAlias

from tokensession.errors import ConfigError
from tokensession.keys.names import check_path, looks_secret
from tokensession.keys.ring import KeyRing
from tokensession.keys.source import load_ring
from tokensession.stores.urls import source_from_url
from tokensession.tools.cli.progress import at_work
from tokensession.tools.cli.streams import STANDARD, InputError, read_file
from tokensession.tools.cli.times import DURATION, INSTANT, duration, instant

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction
    from collections.abc import Callable

_ENVIRONMENT: Final = "env:"
_PREFIXES: Final = (_ENVIRONMENT, "url:", "file:")
# Checked where they are used: paths, URLs, and a subject, which can look like anything.
_CHECKED_LATER: Final = (
    "keys", "source", "file", "output", "store", "state", "token", "folder", "subject",
)  # fmt: skip

Commands: TypeAlias = "_SubParsersAction[ArgumentParser]"


def add_command(
    commands: Commands,
    name: str,
    summary: str,
    run: Callable[[Namespace], int],
    *,
    description: str = "",
) -> ArgumentParser:
    """Add a command; its description is the summary as a sentence unless given."""
    description = description or f"{summary[0].upper()}{summary[1:]}."
    parser = commands.add_parser(name, help=summary, description=description)
    parser.set_defaults(run=run)
    return parser


def add_noun(commands: Commands, name: str, summary: str) -> Commands:
    """Add a noun, and return where its verbs are added."""
    description = f"{summary[0].upper()}{summary[1:]}."
    parser = commands.add_parser(name, help=summary, description=description)
    return parser.add_subparsers(metavar="VERB", required=True)


def add_json(parser: ArgumentParser) -> None:
    """Add the argument that asks for JSON."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_shared_file(parser: ArgumentParser) -> None:
    """Add the argument that accepts a key file of more than one reader."""
    parser.add_argument(
        "--shared-file",
        action="store_true",
        help="accept a key file that others can read, as mounted container secrets are",
    )


def add_keys(parser: ArgumentParser) -> None:
    """Add the arguments that say where the key ring is."""
    parser.add_argument(
        "keys",
        metavar="KEYS",
        help="the key file, env:NAME for a variable, or a URL as `keys rotate` takes it",
    )
    add_shared_file(parser)


def add_now(parser: ArgumentParser) -> None:
    """Add the argument that stands in for the clock."""
    parser.add_argument(
        "--now", type=instant, metavar=INSTANT, help="the time to take for the present one"
    )


def add_duration(parser: ArgumentParser, name: str, meaning: str) -> None:
    """Add an option that takes a duration."""
    parser.add_argument(name, type=duration, metavar=DURATION, help=meaning)


def check_words(args: Namespace) -> None:
    """Refuse words that look like secrets, before any message can show one.

    Raises:
        InputError: With the argument's name.
    """
    for name, value in vars(args).items():
        if name not in _CHECKED_LATER and isinstance(value, str) and looks_secret(value):
            raise InputError(
                f"argument {name} looks like a secret, and is not shown: arguments show in process "
                "lists, so take it out of use; if it is none, choose a shorter one"
            )


def open_keys(args: Namespace, noun: str = "", other: str = STANDARD) -> KeyRing:
    """Return the ring that the arguments name; it is never created here.

    Args:
        args: The arguments.
        noun: What stands beside the keys on the command line.
        other: The file that is named there.

    Raises:
        InputError: The two have changed places.
    """
    try:
        with at_work():
            return _ring_of(args)
    except ConfigError:
        if other != STANDARD and names_keys(other):
            raise InputError(f"KEYS and {noun} have changed places: name the keys first") from None
        raise


def names_keys(text: str) -> bool:
    """Tell whether a text names a key document, as KEYS and SOURCE do."""
    if text.startswith(_PREFIXES) or "://" in text:
        return True
    with contextlib.suppress(OSError, ValueError):
        check_path(text)
        return isinstance(json.loads(read_file(text)).get("keys"), list)
    return False


def _ring_of(args: Namespace) -> KeyRing:
    name: str = args.keys
    if name.startswith(_ENVIRONMENT):
        return KeyRing.from_env(name.removeprefix(_ENVIRONMENT))
    if "://" in name or name.startswith(_PREFIXES):
        return load_ring(source_from_url(name, shared_file=args.shared_file))
    return KeyRing.open(name, create=False, shared_file=args.shared_file)
