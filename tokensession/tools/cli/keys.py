"""``tokensession keys``: make keys, list them, give readers theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from tokensession.format.seconds import whole_seconds
from tokensession.keys.file_source import FileSource
from tokensession.keys.jwk import Algorithm, generate_key
from tokensession.keys.private_file import replace_private_file
from tokensession.keys.ring import KeyRing
from tokensession.keys.source import create
from tokensession.stores.urls import source_from_url
from tokensession.tools.cli import rotation
from tokensession.tools.cli.arguments import (
    Commands,
    add_command,
    add_json,
    add_keys,
    add_noun,
    add_now,
    open_keys,
)
from tokensession.tools.cli.status import key_rows
from tokensession.tools.cli.streams import DONE, InputError, complain, say, say_json
from tokensession.tools.wording import iso

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

_READER_NOTE: Final = (
    "It still holds the encryption secret: anyone who has it reads every session. Keep it as "
    "private as the keys; it cannot sign."
)


def add_commands(commands: Commands) -> None:
    """Add the noun ``keys`` and its verbs."""
    verbs = add_noun(commands, "keys", "make, rotate, revoke, list and hand out keys")
    _add_new(verbs)
    summary = "show each key of a ring: its state, its dates, and which key signs; no secrets"
    parser = add_command(verbs, "list", summary, list_keys)
    add_keys(parser)
    add_now(parser)
    add_json(parser)
    _add_export_reader(verbs)
    rotation.add_commands(verbs)


def _add_new(verbs: Commands) -> None:
    parser = add_command(
        verbs,
        "new",
        "make a key file with one new key",
        new,
        description="Make a key file with one new key, which only its owner can read; or the "
        "document in a database. What exists is never touched.",
    )
    parser.add_argument(
        "file", metavar="SOURCE", help="the file to make, or a URL as `keys rotate` takes it"
    )
    parser.add_argument(
        "--algorithm",
        choices=get_args(Algorithm),
        default="HS256",
        help="HS256 (the default): every reader can also sign; Ed25519, ES256: readers need not",
    )
    rotation.add_schedule(parser)


def _add_export_reader(verbs: Commands) -> None:
    parser = add_command(
        verbs,
        "export-reader",
        "write the ring for services that read and never sign",
        export_reader,
        description="Write the ring without its signing halves, for services that read sessions "
        f"and never make them (Ed25519 and ES256 only). {_READER_NOTE}",
    )
    add_keys(parser)
    parser.add_argument(
        "--output",
        required=True,
        metavar="FILE",
        help="where to write it, for its owner alone (mode 0600, your user); an older export is "
        "replaced; - prints it",
    )


def new(args: Namespace) -> int:
    """Make a key file."""
    ring = KeyRing.generate(args.algorithm)
    schedule = rotation.schedule_of(args)
    if schedule is not None:
        # Dated, so that its period is known to begin now.
        key = generate_key(args.algorithm, nbf=whole_seconds(None))
        ring = KeyRing([key]).with_schedule(schedule)
    source = source_from_url(args.file)
    prepare: Callable[[], None] | None = getattr(source, "create", None)  # a table, where needed
    if prepare is not None:
        prepare()
    if not create(source, ring):
        raise InputError(f"{source.name} exists already; it was left as it is")
    is_file = isinstance(source, FileSource)
    place = f"file       {args.file}" if is_file else f"source     {source.name}"
    for key in ring:
        say(f"kid        {key.kid}\nalgorithm  {key.algorithm}\n{place}")
    return DONE


def list_keys(args: Namespace) -> int:
    """Show the keys of a ring."""
    ring = open_keys(args)
    now = whole_seconds(args.now)
    rows = key_rows(ring, now)
    if args.json:
        say_json({"serial": ring.serial, "now": now, "keys": rows})
        return DONE
    table = [("kid", "algorithm", "state", "nbf", "exp", "signs")]
    table += [
        (
            row["kid"],
            row["algorithm"],
            row["state"],
            iso(row["nbf"]) if row["nbf"] else "-",
            "-" if row["exp"] is None else iso(row["exp"]),
            row["signs"],
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = [f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)]
        say("  ".join(cells).rstrip())
    if all(row["signs"] == "no" for row in rows):
        say("no key of this document can sign")
    return DONE


def export_reader(args: Namespace) -> int:
    """Write the ring without the means to sign."""
    reader = open_keys(args).reader()
    if args.output == "-":
        say(reader.to_json().decode().rstrip("\n"))
        complain(_READER_NOTE, kind="note")
        return DONE
    replace_private_file(
        args.output, reader.to_json(), check=_refuse_to_replace_signers, shared=False
    )
    say(f"kids  {', '.join(key.kid for key in reader)}\nfile  {args.output}\n{_READER_NOTE}")
    return DONE


def _refuse_to_replace_signers(content: bytes | None) -> None:
    """Refuse to write over private halves, of which this may be the only copy."""
    if content and KeyRing.from_jwks(content).can_mint:
        raise InputError("that file holds keys that can sign; a reader's ring does not replace it")
