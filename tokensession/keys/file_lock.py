"""The lock between a file's writers: a private file beside it, which other users cannot open."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final

from tokensession.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

try:
    import fcntl
except ImportError:  # no POSIX locks: writers must take turns by themselves
    fcntl = None  # type: ignore[assignment]

LOCK_SECONDS: Final = 10.0  # a write takes milliseconds
LOCK_RETRY_SECONDS: Final = 0.02

_NOT_OURS: Final = (errno.EACCES, errno.EISDIR, errno.ELOOP, errno.ENXIO)


@contextlib.contextmanager
def locked(target: Path) -> Generator[None]:
    """Hold the lock of a file against other writers. The system releases it if the process dies.

    The lock file is ``.NAME.lock``, with mode 0600 and the owner and group of `target`. If `target`
    was missing, the lock file is deleted afterwards, because a new file often gets another owner.

    Raises:
        ConfigError: The folder is missing or not writable, another user owns the lock, or a writer
            holds it for too long.
    """
    if fcntl is None:
        yield
        return
    deadline = monotonic() + LOCK_SECONDS
    while True:
        try:
            path = target.with_name(f".{target.name}.lock")
            like = _status(target)
            descriptor = _open(path, like)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(f"key file {target}: cannot be written: {reason}") from error
        try:
            while not _try_lock(descriptor, target):
                if monotonic() >= deadline:
                    raise ConfigError(
                        f"key file {target}: another process has locked it for {LOCK_SECONDS:g} s: "
                        "try again when that process has finished"
                    )
                sleep(LOCK_RETRY_SECONDS)
            there = _status(path)
            if there is not None and os.path.samestat(there, os.fstat(descriptor)):
                try:
                    yield
                finally:
                    if like is None:
                        path.unlink(missing_ok=True)
                return
        finally:
            os.close(descriptor)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _open(path: Path, like: os.stat_result | None) -> int:
    """Open the lock file; create it if it is missing."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK
    patience = 2  # a new lock file gets its owner a moment after its creation
    while True:
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
            return _for_owner(path, descriptor, like)
        try:
            descriptor = os.open(path, flags)
        except FileNotFoundError:  # deleted in between
            continue
        except OSError as error:
            if error.errno not in _NOT_OURS:
                raise
            if patience:
                patience -= 1
                sleep(LOCK_RETRY_SECONDS)
                continue
            raise ConfigError(_foreign(path, path.lstat(), like)) from error
        status = os.fstat(descriptor)
        owners = (os.geteuid(), os.geteuid() if like is None else like.st_uid)
        if stat.S_ISREG(status.st_mode) and status.st_uid in owners:
            if status.st_mode & 0o077:
                os.fchmod(descriptor, 0o600)
            return descriptor
        os.close(descriptor)
        raise ConfigError(_foreign(path, status, like))


def _for_owner(path: Path, descriptor: int, like: os.stat_result | None) -> int:
    """Give a new lock file to the owner of the file that it locks."""
    if like is None:
        return descriptor
    owner = f"{like.st_uid}:{like.st_gid}"
    try:
        os.fchown(descriptor, like.st_uid, like.st_gid)
    except OSError as error:
        path.unlink(missing_ok=True)
        os.close(descriptor)
        raise ConfigError(
            f"lock file {path}: the key file's owner {owner} cannot get it "
            f"({error.strerror}): run this as that user or as root"
        ) from error
    return descriptor


def _foreign(path: Path, status: os.stat_result, like: os.stat_result | None) -> str:
    if not stat.S_ISREG(status.st_mode):
        return f"lock file {path}: not a regular file: delete it"
    owner = os.geteuid() if like is None else like.st_uid
    if status.st_uid == owner:
        return f"lock file {path}: user {owner} owns it: run this as that user or as root"
    return (
        f"lock file {path}: user {status.st_uid} owns it, but user {owner} owns the key file: "
        "delete it while no writer runs"
    )


def _try_lock(descriptor: int, target: Path) -> bool:
    assert fcntl is not None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise ConfigError(
            f"key file {target}: its file system has no locks ({error.strerror}), like some "
            "network shares: move keys that change to another file system, or to a database"
        ) from error
    return True
