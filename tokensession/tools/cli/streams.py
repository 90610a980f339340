"""What commands read and print: bounded input, and one line per complaint."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from tokensession.keys.names import check_path, looks_secret
from tokensession.tools.wording import printable

if TYPE_CHECKING:
    from argparse import Namespace

MAX_INPUT: Final = 2**20  # bytes; a token has at most 8192 characters, and its state fits into it
DONE, REFUSED, WRONG = 0, 1, 2  # exit codes

STANDARD: Final = "-"  # standard input or output
_STANDARD_DESCRIPTORS: Final = range(3)


class InputError(ValueError):
    """Input that cannot be used; the message names what is wrong and never the input."""


def read_input(name: str, noun: str) -> bytes:
    """Return what a file, or standard input where the name is ``-``, holds.

    Args:
        name: The file.
        noun: What it should hold, for the messages.
    """
    if name == STANDARD:
        if sys.stdin is None:
            raise InputError(f"standard input is closed; name a file that holds the {noun}")
        if sys.stdin.isatty():
            complain(f"reading the {noun} from standard input; end it with Ctrl-D", kind="note")
        content = sys.stdin.buffer.read(MAX_INPUT + 1)
    else:
        _check_file(name, noun)
        content = read_file(name)
    if not content:
        raise InputError(f"there is no {noun}: the input is empty")
    if len(content) > MAX_INPUT:
        raise InputError(f"the input is larger than {MAX_INPUT} bytes, too large for a {noun}")
    return content


def read_file(name: str) -> bytes:
    """Return what a file holds, up to one byte more than is read of any input."""
    with Path(name).open("rb") as file:
        return file.read(MAX_INPUT + 1)


def _check_file(name: str, noun: str) -> None:
    """Refuse the content itself where the name of its file belongs; it is not shown."""
    if looks_secret(name):
        raise InputError(
            f"{noun.upper()} is the name of a file: give the {noun} itself on standard input, "
            "because arguments show in process lists"
        )
    check_path(name, f"file with the {noun}")


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
    say_error(f"tokensession: {kind}: {printable(text)}\n")


def say_error(text: str) -> None:
    """Print to standard error, unless it is closed or cannot be written."""
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(text)


def open_missing() -> None:
    """Open the standard streams that are closed, so that no file that is opened takes their place.

    `sys.stdin`, `sys.stdout` and `sys.stderr` stay None where they were closed.
    """
    for descriptor in _STANDARD_DESCRIPTORS:
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def flush(stream: TextIO | None) -> None:
    """Write what a stream still holds. What cannot be written is dropped, and the error raised."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        # The flush at the end of the process then finds an open file, not the broken one again.
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
        raise
