"""Key files: private, created once, replaced in one step (SPEC section 7)."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tokensession import ConfigError, KeyRing
from tokensession.keys import file_lock, private_file
from tokensession.keys.file_source import FileSource
from tokensession.keys.private_file import (
    create_private_file,
    read_private_file,
    replace_private_file,
)
from tokensession.stores.urls import source_from_url

if TYPE_CHECKING:
    from collections.abc import Callable


def private(path: Path, content: bytes = b"old") -> Path:
    """Write a file that only its owner can read."""
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def test_reading(tmp_path: Path) -> None:
    """A private file gives its content; a missing one is told from an unreadable one."""
    assert read_private_file(private(tmp_path / "a")) == b"old"
    with pytest.raises(FileNotFoundError):
        read_private_file(tmp_path / "b")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o610])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """The error shows the mode and the remedy; shared_file accepts it."""
    path = private(tmp_path / "a")
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"mode {mode:04o} .*chmod 600 .*shared_file=True"):
        read_private_file(path)
    assert read_private_file(path, shared_file=True) == b"old"


@pytest.mark.parametrize("kind", ["folder", "fifo"])
def test_only_regular_files(tmp_path: Path, kind: str) -> None:
    """A FIFO is not waited for, a folder not listed."""
    path = tmp_path / "a"
    if kind == "fifo":
        os.mkfifo(path, 0o600)
    else:
        path.mkdir(0o700)
    with pytest.raises(ConfigError, match="not a regular file"):
        read_private_file(path)


def test_a_huge_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is in the message; a file of exactly that size is read."""
    monkeypatch.setattr(private_file, "MAX_FILE_BYTES", 3)
    read_private_file(private(tmp_path / "a"))
    with pytest.raises(ConfigError, match="larger than 3 bytes"):
        read_private_file(private(tmp_path / "a", b"four"))


@pytest.mark.parametrize("path", ["a\0b", "/dev/null/x", "x" * 300])
def test_impossible_paths(path: str) -> None:
    """Any path that cannot be opened is a ConfigError."""
    with pytest.raises(ConfigError):
        KeyRing.open(path)


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    """Replacing through a symbolic link changes its target."""
    target = private(tmp_path / "target")
    link = tmp_path / "link"
    link.symlink_to(target)
    replace_private_file(link, b"new", check=lambda _: None)
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_creating_never_overwrites(tmp_path: Path) -> None:
    """An existing file keeps its bytes, and creating leaves no other file beside it."""
    path = private(tmp_path / "a")
    assert create_private_file(path, b"new") is False
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_a_missing_folder(tmp_path: Path) -> None:
    """It is named; nothing is made."""
    with pytest.raises(ConfigError, match="cannot be written: No such file"):
        create_private_file(tmp_path / "no" / "a", b"x")
    with pytest.raises(ConfigError, match="No such file"):
        replace_private_file(tmp_path / "no" / "a", b"x", check=lambda _: None)


@pytest.mark.parametrize(("where", "step"), [(Path, "replace"), (os, "fsync")])
def test_a_failing_step_of_creation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: object, step: str
) -> None:
    """A system that refuses leaves no file and no part of one."""

    def refuse(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(where, step, refuse)
    with pytest.raises(ConfigError, match="Operation not permitted"):
        create_private_file(tmp_path / "a", b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_failing_replacement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old content stays."""
    path = private(tmp_path / "a")

    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(ConfigError, match="not replaced: No space left"):
        replace_private_file(path, b"new", check=lambda _: None)
    assert path.read_bytes() == b"old"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".a.lock", "a"]


def test_a_check_that_objects(tmp_path: Path) -> None:
    """It sees the present content (None without a file), and what it raises stops the writer."""
    path = tmp_path / "a"
    seen: list[bytes | None] = []
    replace_private_file(path, b"one", check=seen.append)
    replace_private_file(path, b"two", check=seen.append)
    assert seen == [None, b"one"]

    def object_to(_: bytes | None) -> None:
        raise ConfigError("no")

    with pytest.raises(ConfigError, match=r"^no$"):
        replace_private_file(path, b"three", check=object_to)
    assert path.read_bytes() == b"two"


def test_without_posix_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere files are replaced all the same, atomically."""
    monkeypatch.setattr(file_lock, "fcntl", None)
    path = private(tmp_path / "a")
    replace_private_file(path, b"new", check=lambda _: None)
    assert path.read_bytes() == b"new"


def test_replacing_keeps_owner_and_mode(tmp_path: Path) -> None:
    """A service can still read the file after another user has rewritten it."""
    path = private(tmp_path / "a")
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 12345, 12345)
    before = path.stat()
    replace_private_file(path, b"new", check=lambda _: None)
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode, before.st_uid, before.st_gid,
    )  # fmt: skip
    assert after.st_ino != before.st_ino


@pytest.mark.parametrize("kind", ["folder", "fifo"])
def test_only_regular_files_are_replaced(tmp_path: Path, kind: str) -> None:
    """A FIFO is not waited for, a folder not replaced."""
    path = tmp_path / "a"
    if kind == "fifo":
        os.mkfifo(path, 0o600)
    else:
        path.mkdir()
    with pytest.raises(ConfigError, match="not a regular file"):
        replace_private_file(path, b"new", check=lambda _: None)


def test_odd_names(tmp_path: Path) -> None:
    """A link into nowhere, no name, and the name of a folder."""
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    for path in (link, "", f"{tmp_path}/new/"):
        with pytest.raises(ConfigError):
            KeyRing.open(path)
    for path in ("a\0b", tmp_path):
        with pytest.raises(ConfigError):
            KeyRing.generate().save(path)


def test_a_lock_that_is_not_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer waits for another one for a while, and not for ever."""
    monkeypatch.setattr(file_lock, "LOCK_SECONDS", 0.05)
    path = private(tmp_path / "a")
    holder = os.open(tmp_path / ".a.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(holder, fcntl.LOCK_SH)
        with pytest.raises(ConfigError, match="another process has locked it"):
            replace_private_file(path, b"new", check=lambda _: None)
    finally:
        os.close(holder)
    replace_private_file(path, b"new", check=lambda _: None)


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks is an error that says so, and the file stays as it is."""

    def refuse(*_: Any) -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(fcntl, "flock", refuse)
    path = private(tmp_path / "a")
    with pytest.raises(ConfigError, match=r"no locks.*Bad file descriptor"):
        replace_private_file(path, b"new", check=lambda _: None)
    assert path.read_bytes() == b"old"


DOCUMENT = KeyRing.generate(kid="k1").to_json().decode()


@pytest.mark.parametrize(
    "use",
    [
        lambda: KeyRing.open(DOCUMENT),
        lambda: KeyRing.open(Path(DOCUMENT)),
        lambda: KeyRing.open(f"\n{DOCUMENT}"),
        lambda: KeyRing.generate().save(DOCUMENT),
        lambda: create_private_file(DOCUMENT, b"x"),
        lambda: replace_private_file(DOCUMENT, b"x", check=lambda _: None),
        lambda: FileSource(DOCUMENT).read(),
        lambda: source_from_url(DOCUMENT),
        lambda: source_from_url("url:KEYS", environment={"KEYS": DOCUMENT}),
    ],
)
def test_a_document_in_place_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Callable[[], object]
) -> None:
    """A document in place of a file's name is not shown, and makes no file."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="key document") as caught:
        use()
    text = "".join(traceback.format_exception(caught.value))
    secret = json.loads(DOCUMENT)["keys"][0]["k"]
    assert secret not in text + repr(caught.value.__context__)
    assert list(tmp_path.iterdir()) == []
