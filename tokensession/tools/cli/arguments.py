"""The arguments that commands share, and the key ring that they name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from tokensession.keys.names import looks_secret
from tokensession.keys.ring import KeyRing
from tokensession.keys.source import load_ring
from tokensession.stores.urls import source_from_url
from tokensession.tools.cli.streams import InputError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction
    from collections.abc import Callable

_ENVIRONMENT: Final = "env:"
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
        "--now", type=float, metavar="T", help="Unix seconds to take for the present time"
    )


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


def open_keys(args: Namespace) -> KeyRing:
    """Return the ring that the arguments name; it is never created here."""
    name: str = args.keys
    if name.startswith(_ENVIRONMENT):
        return KeyRing.from_env(name.removeprefix(_ENVIRONMENT))
    if "://" in name or name.startswith(("url:", "file:")):
        return load_ring(source_from_url(name, shared_file=args.shared_file))
    return KeyRing.open(name, create=False, shared_file=args.shared_file)
