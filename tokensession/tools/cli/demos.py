"""Commands that show the library at work: in the terminal, and in a browser."""

from __future__ import annotations

import errno
import os
import sys
from argparse import ArgumentTypeError, Namespace
from time import time
from typing import Final

from tokensession.errors import how_to_install
from tokensession.tools.cli.arguments import Commands, add_command
from tokensession.tools.cli.streams import DONE, REFUSED, InputError, say
from tokensession.tools.tour import show

DEFAULT_PORT: Final = 8000
MAX_PORT: Final = 65535
_EXTRA: Final = ("starlette", "uvicorn")


def add_commands(commands: Commands) -> None:
    """Add `tour` and `demo`."""
    add_command(
        commands,
        "tour",
        "in the terminal: make, read, tamper with, rotate and revoke",
        _tour,
        description="Walk through the life of a session with real keys in a temporary folder. "
        "Each step shows what happened, and says whether it is what must happen.",
    )
    demo = add_command(
        commands,
        "demo",
        "in a browser: a small web application with sessions, and what is in its cookie",
        _demo,
        description="Serve a page on this machine alone: sign in, see the cookie and the anatomy "
        "of its bytes, change a character and see which check refuses it. Ctrl-C ends it. "
        "Needs the extra demo.",
    )
    demo.add_argument(
        "--port",
        type=_port,
        default=DEFAULT_PORT,
        help=f"the port on 127.0.0.1 ({DEFAULT_PORT}); 0 for any that is free",
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_PORT):
        raise ArgumentTypeError(f"a port is a number from 0 to {MAX_PORT}")
    return int(text)


def _tour(_args: Namespace) -> int:
    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return DONE if show(say, now=int(time()), color=color) else REFUSED


def _demo(args: Namespace) -> int:
    try:
        from tokensession.tools.demo.server import HOST, serve  # noqa: PLC0415  # needs the extra
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRA:
            raise
        raise InputError(
            f"the page needs {package}: {how_to_install('demo')}; `tokensession tour` needs "
            "nothing more"
        ) from None
    try:
        serve(args.port, _say_at_once)
    except KeyboardInterrupt:  # how it is meant to end
        say("")
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InputError(
                f"port {args.port} of {HOST} is taken: choose another with --port, or 0 for any"
            ) from None
        if error.errno == errno.EACCES:
            raise InputError(
                f"port {args.port} needs privileges: choose one from 1024 on with --port"
            ) from None
        raise
    return DONE


def _say_at_once(text: str) -> None:
    say(text)
    sys.stdout.flush()
