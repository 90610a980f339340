"""A key document in a file or in an environment variable."""

from __future__ import annotations

import os

from tokensession.errors import ConfigError
from tokensession.format.core_values import check_switch
from tokensession.keys.names import check_path, check_variable, shown_variable
from tokensession.keys.private_file import (
    create_private_file,
    read_private_file,
    replace_private_file,
)


class _Changed(Exception):  # noqa: N818  # not an error: another writer was faster
    pass


class FileSource:
    """Keep the document in a file. `KeyRing.open`, `follow` and `save` are short forms.

    Args:
        path: The file. Writers replace it in one step, so they need write access to the folder. A
            symbolic link is followed and stays.
        shared_file: Accept a file that others can read too, such as a mounted container secret.

    Raises:
        ConfigError: The path is a document, a token, a URL or another secret.
    """

    def __init__(self, path: str | os.PathLike[str], *, shared_file: bool = False) -> None:
        check_path(path)
        check_switch("shared_file", shared_file)
        self._path = os.fspath(path)
        self._shared_file = shared_file

    @property
    def name(self) -> str:
        """The name of the file in messages."""
        return f"key file {self._path}"

    def read(self) -> bytes | None:
        """Return the document's text, or None when the file is missing."""
        try:
            return read_private_file(self._path, shared_file=self._shared_file)
        except FileNotFoundError:
            return None

    def write(self, document: bytes, *, over: bytes | None) -> bool:
        """Replace the document if the file still holds `over` (None: if the file is missing)."""
        if over is None:
            return create_private_file(self._path, document)

        def check(content: bytes | None) -> None:
            if content != over:
                raise _Changed

        try:
            replace_private_file(self._path, document, check=check)
        except _Changed:
            return False
        return True


class EnvironmentSource:
    """Read the document from an environment variable, which only a new deployment can change.

    Args:
        variable: The name of the variable.

    Raises:
        ConfigError: The name is invalid. The message does not show it, because it can be the
            document itself.
    """

    def __init__(self, variable: str) -> None:
        self._variable = check_variable(variable)

    @property
    def name(self) -> str:
        """The name of the variable in messages."""
        return shown_variable(self._variable)

    def read(self) -> bytes | None:
        """Return the document's text, or None when the variable is missing or empty."""
        text = os.environ.get(self._variable)
        return text.encode("utf-8", "surrogateescape") if text else None

    def write(self, document: bytes, *, over: bytes | None) -> bool:  # noqa: ARG002  # the protocol
        """Refuse to write, because a process cannot change the environment of other processes.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            f"{self.name}: a process cannot change it for other processes: rotate the file or the "
            "secret that sets it, and deploy again"
        )
