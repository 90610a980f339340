"""The lock of a file's writers: a private file beside it, which strangers cannot open."""

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
except ImportError:  # a system without POSIX locks: writers there must take turns by themselves
    fcntl = None  # type: ignore[assignment]

LOCK_SECONDS: Final = 10.0  # a write takes milliseconds
LOCK_RETRY_SECONDS: Final = 0.02

_NOT_OURS: Final = (errno.EACCES, errno.EISDIR, errno.ELOOP, errno.ENXIO)


@contextlib.contextmanager
def locked(target: Path) -> Generator[None]:
    """Keep other writers of a file away; the system drops the lock if the process dies.

    The lock is the file ``.NAME.lock``, of mode 0600 and of the owner and group of `target`. Where
    `target` is missing, the lock goes afterwards: what is created now often gets another owner.

    Raises:
        ConfigError: The folder is missing or cannot be written, another user owns the lock, or
            a writer holds it for too long.
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
                        f"key file {target}: locked by another process for {LOCK_SECONDS:g} s; "
                        "try again when it has finished"
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
    """Open the lock file, and make it where it is missing."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK
    patience = 2  # a lock that was made a moment ago has not got its owner yet
    while True:
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
            return _for_owner(path, descriptor, like)
        try:
            descriptor = os.open(path, flags)
        except FileNotFoundError:  # removed in between
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
    """Give a new lock file to the owner of the file that it is for."""
    if like is None:
        return descriptor
    owner = f"{like.st_uid}:{like.st_gid}"
    try:
        os.fchown(descriptor, like.st_uid, like.st_gid)
    except OSError as error:
        path.unlink(missing_ok=True)
        os.close(descriptor)
        raise ConfigError(
            f"lock file {path}: it cannot be given to the key file's owner {owner} "
            f"({error.strerror}); run this as that user or as root"
        ) from error
    return descriptor


def _foreign(path: Path, status: os.stat_result, like: os.stat_result | None) -> str:
    if not stat.S_ISREG(status.st_mode):
        return f"lock file {path}: not a regular file; remove it"
    owner = os.geteuid() if like is None else like.st_uid
    if status.st_uid == owner:
        return f"lock file {path}: it belongs to user {owner}; run this as that user or as root"
    return (
        f"lock file {path}: it belongs to user {status.st_uid}, and the key file to user {owner}; "
        "remove it while no writer is at work"
    )


def _try_lock(descriptor: int, target: Path) -> bool:
    assert fcntl is not None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise ConfigError(
            f"key file {target}: its file system has no locks, as some network shares have none "
            f"({error.strerror}): keep keys that are changed on another, or in a database"
        ) from error
    return True
