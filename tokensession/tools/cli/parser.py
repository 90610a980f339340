"""The parser of arguments, which reports wrong usage without the values that were given."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any, Final

from tokensession.tools.cli.streams import WRONG, say, say_error

if TYPE_CHECKING:
    from typing import NoReturn

# What argparse says, and what of it is fit to be shown: any value can be a secret.
_FORMS: Final = (
    re.compile(r"(argument [^:]*: invalid choice): .* (\(choose from .*\))", re.DOTALL),
    re.compile(r"(argument [^:]*: invalid \w+ value): .*", re.DOTALL),
    re.compile(r"(argument [^:]*: )ignored explicit argument .*", re.DOTALL),
    re.compile(r"(argument [^:]*: expected .*)"),
    re.compile(r"(argument [^:]*: not allowed with argument .*)"),
    re.compile(r"(argument [^:]*: a (?:port|duration|time) is .*)"),
    re.compile(r"(the following arguments are required: .*)"),
    re.compile(r"(one of the arguments .* is required)"),
    re.compile(r"(a command is missing.*)"),
)
_OPTION: Final = re.compile(r"--[a-z]+(-[a-z]+)*")
_LONGEST_OPTION: Final = 24


class Parser(ArgumentParser):
    """Takes options as they are spelled, and shows no value when something is wrong."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def print_help(self, file: Any = None) -> None:  # noqa: ARG002  # always standard output
        """Print the help; unlike argparse, report it when it cannot be written."""
        say(self.format_help().rstrip("\n"))

    def error(self, message: str) -> NoReturn:
        """Print the usage and what is wrong, and end with exit code 2."""
        usage = self.format_usage()
        say_error(f"{usage}{self.prog}: error: {_without_values(message)}\n")
        raise SystemExit(WRONG)


def _without_values(message: str) -> str:
    for form in _FORMS:
        if (found := form.fullmatch(message)) is not None:
            shown = " ".join(found.groups())
            return f"{shown}takes no value" if shown.endswith(": ") else shown
    options = [word for word in message.split() if _OPTION.fullmatch(word)]
    unknown = ", ".join(word for word in options if len(word) <= _LONGEST_OPTION)
    return f"unknown option {unknown}" if unknown else "too many arguments; see --help"
