"""Private files: read with checks, created without races, replaced in one step (SPEC section 7).

This module handles bytes; their meaning belongs to `keys`. A failure leaves the old file or the new
one, never a mixture. A writer needs write and search permission on the folder, but not list
permission or hard links.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tokensession.errors import ConfigError
from tokensession.format.core_values import hidden
from tokensession.keys.file_access import Access, access_of, check_private, give_access
from tokensession.keys.file_lock import locked
from tokensession.keys.names import check_path

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

MAX_FILE_BYTES: Final = 4 * 2**20  # a ring of 1,000 keys has about 0.3 MB


class _Found(NamedTuple):
    """The content of a file and its access rights."""

    content: bytes
    access: Access

    def __repr__(self) -> str:
        """Show no value."""
        return hidden(self)


def read_private_file(path: str | os.PathLike[str], *, shared_file: bool = False) -> bytes:
    """Return the content of a file that only its owner can read.

    Args:
        path: The file.
        shared_file: Accept a file that others can read too, such as a mounted container secret.

    Raises:
        FileNotFoundError: The file is missing.
        ConfigError: The file is not regular, unreadable, too large, readable by others, or mounted
            and replaced; or the path is a secret.
    """
    check_path(path)
    return _read(path, shared_file=shared_file).content


def _read(path: str | os.PathLike[str], *, shared_file: bool) -> _Found:
    try:
        descriptor = _open(path)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise ConfigError(f"key file {path}: {_reason(error)}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ConfigError(f"key file {path}: not a regular file")
        if shared_file:
            access = access_of(descriptor)
        else:
            access = check_private(descriptor, os.fsdecode(path), name=f"key file {path}")
        with open(descriptor, "rb", closefd=False) as file:  # opened above
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"key file {path}: {_reason(error)}") from error
    finally:
        os.close(descriptor)
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"key file {path}: larger than {MAX_FILE_BYTES} bytes")
    return _Found(content, access)


def _open(path: str | os.PathLike[str]) -> int:
    """Open the file that has this name now.

    A file without a name was replaced: opening the path again finds its successor. A file that is
    mounted alone has no successor, because the mount keeps showing the old file.
    """
    former = None
    while True:
        # Non-blocking, so that a FIFO is refused instead of waited for.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        status = os.fstat(descriptor)
        if status.st_nlink or not os.path.lexists(os.path.realpath(path)):
            return descriptor
        os.close(descriptor)
        if former == (status.st_dev, status.st_ino):
            raise ConfigError(
                f"key file {path}: it was replaced at its source, but this mount of a single file "
                "still shows the old one: mount its folder instead, and restart"
            )
        former = status.st_dev, status.st_ino


def create_private_file(path: str | os.PathLike[str], content: bytes) -> bool:
    """Create `path` with `content` and mode 0600, whole or not at all.

    Returns:
        True, or False if the file exists already (or another process has just created it).

    Raises:
        ConfigError: The folder is missing or not writable.
    """
    check_path(path)
    if os.fspath(path).endswith(os.sep):
        raise ConfigError(f"key file {path}: it is a folder: name a file")
    target = Path(path)
    if _exists(target):
        return False
    with locked(target):
        if _exists(target):
            return False
        _write(target, content, None)
    return True


def replace_private_file(
    path: str | os.PathLike[str],
    content: bytes,
    *,
    check: Callable[[bytes | None], None],
    shared: bool = True,
) -> None:
    """Replace the content of `path` in one step, while no other writer does.

    Args:
        path: The file. A symbolic link is followed and stays.
        content: The new content.
        check: Called with the old content (None: no file); an exception cancels the replacement.
        shared: Whether the new file keeps the owner, mode and access control list of the old one.
            Otherwise, or without an old one, it belongs to this process's user, with mode 0600.

    Raises:
        ConfigError: The file is not regular, the folder is missing or not writable, the access
            rights cannot be kept, or another writer holds the lock.
    """
    check_path(path)
    try:
        target = Path(os.path.realpath(path))
    except (OSError, ValueError) as error:
        raise ConfigError(f"key file {path}: {_reason(error)}") from error
    with locked(target):
        try:
            present: _Found | None = _read(target, shared_file=True)
        except FileNotFoundError:
            present = None
        check(None if present is None else present.content)
        _write(target, content, present.access if present is not None and shared else None)


def _write(target: Path, content: bytes, access: Access | None) -> None:
    """Write a file in one step; the caller must hold its lock."""
    with _temporary_file(target, content, access) as temporary:
        try:
            temporary.replace(target)
        except OSError as error:
            remedy = ""
            if error.errno in (errno.EBUSY, errno.EXDEV):
                remedy = "; it is mounted alone: change it at its source"
            raise ConfigError(
                f"key file {target}: not replaced: {_reason(error)}{remedy}"
            ) from error
        _sync_folder(target.parent)


@contextlib.contextmanager
def _temporary_file(target: Path, content: bytes, access: Access | None) -> Generator[Path]:
    """Yield a new file beside `target`, written to the disk; delete it afterwards.

    Its name is fixed, so the next writer replaces what a crashed one has left.
    """
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123  # closes the descriptor
            if os.name == "posix":
                give_access(descriptor, access)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        yield temporary
    except (OSError, ValueError) as error:
        raise ConfigError(f"key file {target}: cannot be written: {_reason(error)}") from error
    finally:
        with contextlib.suppress(OSError, ValueError):
            temporary.unlink(missing_ok=True)


def _exists(target: Path) -> bool:
    try:
        return os.path.lexists(target)
    except ValueError:  # a null byte
        return False


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power failure, if the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
