"""Private files: read with care, created without a race, replaced in one step (SPEC section 7).

Bytes only; what they mean is the business of `keys`. The first failure of any step leaves the old
file or the new one, never a part of either.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final

from tokensession.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

try:
    import fcntl
except ImportError:  # a system without POSIX locks: writers there must take turns by themselves
    fcntl = None  # type: ignore[assignment]

LOCK_SECONDS: Final = 10.0  # a write takes milliseconds
LOCK_RETRY_SECONDS: Final = 0.02
MAX_FILE_BYTES: Final = 4 * 2**20  # a ring of 1,000 keys has about 0.3 MB


def read_private_file(path: str | os.PathLike[str], *, shared_file: bool = False) -> bytes:
    """Return the content of a file that only its owner can read.

    Args:
        path: The file.
        shared_file: Accept one that its group or others can read too, as mounted container
            secrets are.

    Raises:
        FileNotFoundError: There is none.
        ConfigError: Not a regular file, unreadable, too large, or readable by others; or the
            content of a key file in place of its name.
    """
    check_name(path)
    try:
        # Non-blocking, so that a FIFO is refused below rather than waited for.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise ConfigError(f"key file {path}: {_reason(error)}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"key file {path}: not a regular file")
        mode = stat.S_IMODE(status.st_mode)
        if os.name == "posix" and mode & 0o077 and not shared_file:
            raise ConfigError(
                f"key file {path}: mode {mode:04o} lets others read it; run `chmod 600 {path}`, "
                "or pass shared_file=True (--shared-file) where the platform mounts it so"
            )
        with open(descriptor, "rb", closefd=False) as file:  # opened above
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"key file {path}: {_reason(error)}") from error
    finally:
        os.close(descriptor)
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"key file {path}: larger than {MAX_FILE_BYTES} bytes")
    return content


def check_name(name: object) -> None:
    """Refuse a key document where the name of its place is wanted; no message must show it."""
    text = os.fspath(name) if isinstance(name, os.PathLike) else name
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    if isinstance(text, str) and text.lstrip().startswith("{") and '"' in text:
        raise ConfigError(
            "the name of a key file or variable is wanted, not the key document itself: use "
            "KeyRing.from_jwks(document) or KeyRing.from_env(name)"
        )


def create_private_file(path: str | os.PathLike[str], content: bytes) -> bool:
    """Create `path` with `content` and mode 0600, whole or not at all.

    Returns:
        True, or False when the file exists already (perhaps since a moment ago).

    Raises:
        ConfigError: The folder is missing or cannot be written.
    """
    check_name(path)
    if os.fspath(path).endswith(os.sep):
        raise ConfigError(f"key file {path}: the name of a folder")
    target = Path(path)
    with _temporary_file(target, content) as temporary:
        try:
            # A link is refused where the name exists, so of many creators one wins.
            os.link(temporary, target)
        except FileExistsError:
            return False
        except OSError as error:
            raise ConfigError(f"key file {path}: cannot be created: {_reason(error)}") from error
        _sync_folder(target.parent)
    return True


def replace_private_file(
    path: str | os.PathLike[str], content: bytes, *, check: Callable[[bytes | None], None]
) -> None:
    """Replace the content of `path` in one step, while no other writer of it does.

    The new file has the owner and mode of the old one; without an old one, mode 0600.

    Args:
        path: The file; a symbolic link is followed, and stays.
        content: What it shall hold.
        check: Called with what it holds (None: no file); raises to leave it as it is.

    Raises:
        ConfigError: Not a regular file, the folder is missing or cannot be written, the owner
            cannot be kept, or another writer keeps the folder locked.
    """
    check_name(path)
    try:
        target = Path(os.path.realpath(path))
    except (OSError, ValueError) as error:
        raise ConfigError(f"key file {path}: {_reason(error)}") from error
    with _folder_lock(target.parent):
        try:
            present: bytes | None = read_private_file(target, shared_file=True)
            like: os.stat_result | None = target.stat()
        except FileNotFoundError:
            present, like = None, None
        check(present)
        with _temporary_file(target, content, like) as temporary:
            try:
                temporary.replace(target)
            except OSError as error:
                raise ConfigError(f"key file {path}: not replaced: {_reason(error)}") from error
            _sync_folder(target.parent)


@contextlib.contextmanager
def _temporary_file(
    target: Path, content: bytes, like: os.stat_result | None = None
) -> Generator[Path]:
    """Yield a private file beside `target`, written to the disk; it is gone afterwards."""
    try:
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except (OSError, ValueError) as error:
        raise ConfigError(f"key file {target}: cannot be written: {_reason(error)}") from error
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123  # takes over the descriptor
            if like is not None and os.name == "posix":
                os.fchown(descriptor, like.st_uid, like.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        yield temporary
    except OSError as error:
        raise ConfigError(f"key file {target}: cannot be written: {_reason(error)}") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _folder_lock(folder: Path) -> Generator[None]:
    """Hold the folder's advisory lock; the system drops it if the process dies."""
    if fcntl is None:
        yield
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise ConfigError(f"folder {folder}: {_reason(error)}") from error
    try:
        deadline = monotonic() + LOCK_SECONDS
        while not _try_lock(descriptor, folder):
            if monotonic() >= deadline:
                raise ConfigError(
                    f"folder {folder}: locked by another process for {LOCK_SECONDS:g} s; "
                    "try again when it has finished"
                )
            sleep(LOCK_RETRY_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, folder: Path) -> bool:
    assert fcntl is not None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise ConfigError(
            f"folder {folder}: its file system has no locks, as some network shares have none "
            f"({_reason(error)}): keep keys that are changed on another, or in a database"
        ) from error
    return True


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
