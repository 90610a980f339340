"""What commands read and print: bounded input, and one line per complaint."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tokensession.tools.wording import printable

if TYPE_CHECKING:
    from argparse import Namespace

MAX_INPUT: Final = 2**20  # bytes; a token has at most 8192 characters, and its state fits into it
DONE, REFUSED, WRONG = 0, 1, 2  # exit codes

_DOTS: Final = 2  # in a token
_STANDARD: Final = "-"  # standard input or output


class InputError(ValueError):
    """Input that cannot be used; the message names what is wrong and never the input."""


def read_input(name: str, noun: str) -> bytes:
    """Return what a file, or standard input where the name is ``-``, holds.

    Args:
        name: The file.
        noun: What it should hold, for the messages.
    """
    if name == _STANDARD:
        if sys.stdin.isatty():
            complain(f"reading the {noun} from standard input; end it with Ctrl-D", kind="note")
        content = sys.stdin.buffer.read(MAX_INPUT + 1)
    else:
        content = _read_file(name, noun)
    if not content:
        raise InputError(f"there is no {noun}: the input is empty")
    if len(content) > MAX_INPUT:
        raise InputError(f"the input is larger than {MAX_INPUT} bytes, too large for a {noun}")
    return content


def _read_file(name: str, noun: str) -> bytes:
    # A header begins with {" and so with eyJ; the name must not be shown then.
    if "eyJ" in name and name.count(".") >= _DOTS:
        raise InputError(
            f"the argument is a token itself; name a file that holds the {noun}, or give it on "
            "standard input: arguments show in process lists"
        )
    with Path(name).open("rb") as file:
        return file.read(MAX_INPUT + 1)


def read_token(name: str) -> str:
    """Return the token in a file or on standard input, less one newline at its end.

    Bytes beyond ASCII stay one character each, for decoding to refuse.
    """
    text = read_input(name, "token").decode("latin-1")
    for newline in ("\r\n", "\n"):
        if text.endswith(newline):
            text = text.removesuffix(newline)
            break
    if not text:
        raise InputError("there is no token: the input is an empty line")
    return text


def say(text: str) -> None:
    """Print lines; what the terminal's encoding lacks is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def say_json(document: dict[str, Any]) -> None:
    """Print a document as ASCII JSON."""
    say(json.dumps(document, indent=1))


def report(args: Namespace, document: dict[str, Any], text: str) -> None:
    """Print what a command has done: the document where JSON is asked for, else the text."""
    if args.json:
        say_json(document)
    else:
        say(text)


def complain(text: str, *, kind: str = "error") -> None:
    """Print one line to standard error."""
    sys.stderr.write(f"tokensession: {kind}: {printable(text)}\n")
