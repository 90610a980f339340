"""Scripts with which a shell completes commands, options and names of files."""

from __future__ import annotations

from argparse import ArgumentParser, _SubParsersAction
from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import how_to_install
from tokensession.tools.cli.streams import InputError

if TYPE_CHECKING:
    from argparse import Action
    from collections.abc import Iterator

SHELLS: Final = ("bash", "zsh", "fish", "tcsh")
_FILES: Final = ("keys", "source", "file", "output", "token", "state")
_FOLDERS: Final = ("folder",)


def script(parser: ArgumentParser, shell: str) -> str:
    """Return the script for a shell, which needs neither Python nor this package to complete.

    Raises:
        InputError: The package that writes it is missing.
    """
    try:
        import shtab  # noqa: PLC0415  # needs the extra
    except ImportError:
        raise InputError(f"completion needs shtab: {how_to_install('completion')}") from None
    for action in _actions(parser):
        completed: Any = action
        if action.dest in _FILES:
            completed.complete = shtab.FILE
        elif action.dest in _FOLDERS:
            completed.complete = shtab.DIRECTORY
    return shtab.complete(parser, shell=shell).rstrip("\n")


def _actions(parser: ArgumentParser) -> Iterator[Action]:
    """Give the actions of a parser, and those of the commands below it."""
    for action in parser._actions:  # noqa: SLF001  # argparse has no other way
        yield action
        if isinstance(action, _SubParsersAction):
            for below in action.choices.values():
                yield from _actions(below)
