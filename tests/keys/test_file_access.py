"""Who can read key files: modes, access control lists, other users, locks, mounts (SPEC 7)."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tokensession import ConfigError, KeyRing
from tokensession.keys import file_access
from tokensession.keys.file_source import FileSource
from tokensession.keys.private_file import create_private_file, replace_private_file
from tokensession.keys.rotation import Schedule
from tokensession.keys.source import load_ring
from tokensession.keys.watcher import KeyRingWatcher
from tokensession.stores.urls import source_from_url
from tokensession.tools.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SERVICE, STRANGER, GROUP = 12301, 12302, 12303

needs_users = pytest.mark.skipif(os.geteuid() != 0, reason="acts as other users, so needs root")
needs_lists = pytest.mark.skipif(shutil.which("setfacl") is None, reason="needs setfacl (acl)")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that every user can enter and list."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def reads(path: Path, user: int, group: int = STRANGER) -> bool:
    """Tell whether a user can read a file."""
    command = ["/bin/cat", str(path)]
    done = subprocess.run(  # noqa: S603
        command, user=user, group=group, extra_groups=[], capture_output=True, check=False
    )
    return done.returncode == 0


# The interpreter can be where other users cannot enter, so the user changes after the imports.
AS_USER = """
import os, sys
from tokensession.tools.cli import main
user = int(sys.argv[1])
os.setgroups([]), os.setgid(user), os.setuid(user)
sys.exit(main(sys.argv[2:]))
"""


def program(*arguments: object, user: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user."""
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", AS_USER, str(user), *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def setfacl(*arguments: object) -> None:
    """Change an access control list, or skip the test where the file system has none."""
    command = ["setfacl", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        pytest.skip(f"no access control lists here: {done.stderr.strip()}")


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(entry.name for entry in folder.iterdir())


def key_file(folder: Path) -> Path:
    """Make a key file with a rotation config."""
    path = folder / "keys.json"
    KeyRing.generate().with_schedule(Schedule(token_lifetime=1800)).save(path)
    return path


def change(path: Path) -> None:
    """Replace a document by its next one."""
    KeyRing.open(path, create=False, shared_file=True).add().save(path)


@needs_users
@needs_lists
class TestLists:
    def test_a_list_is_kept(self, folder: Path) -> None:
        """The service that it names goes on reading; the group that it keeps out stays out."""
        path = key_file(folder)
        os.chown(path, 0, GROUP)
        setfacl("-m", f"u:{SERVICE}:r,g::---", path)
        assert (reads(path, SERVICE), reads(path, STRANGER, GROUP)) == (True, False)
        before = file_access.access_of(str(path))
        change(path)
        assert program("keys", "rotate", path, "--shared-file").returncode == 0
        assert file_access.access_of(str(path)) == before
        assert (reads(path, SERVICE), reads(path, STRANGER, GROUP)) == (True, False)

    def test_a_list_without_effect_is_kept(self, folder: Path) -> None:
        """Its mask allows nothing, so the file counts as private, and stays so."""
        path = key_file(folder)
        setfacl("-m", f"u:{SERVICE}:r,m::---", path)
        before = file_access.access_of(str(path))
        assert before.mode == 0o600
        KeyRing.open(path, create=False).add().save(path)
        assert file_access.access_of(str(path)) == before
        assert not reads(path, SERVICE)

    def test_what_a_folder_hands_on_gives_no_access(self, folder: Path) -> None:
        """A default list of the folder opens neither the file, nor its lock, nor what is new."""
        path = key_file(folder)
        os.chown(path, 0, GROUP)
        path.chmod(0o640)
        setfacl("-d", "-m", f"u:{SERVICE}:rw,g:{STRANGER}:rw", folder)
        change(path)
        assert file_access.access_of(str(path)).lists == {}
        assert create_private_file(folder / "new", b"x")
        (folder / "new").chmod(0o640)  # brings no inherited entry to life
        for name in ("keys.json", ".keys.json.lock", "new"):
            assert not reads(folder / name, SERVICE)
        assert reads(path, STRANGER, GROUP)

    def test_a_list_that_lets_others_read_is_refused(self, folder: Path) -> None:
        """The error names them, and a command that works."""
        path = key_file(folder)
        setfacl("-m", f"u:{SERVICE}:r,g:{GROUP}:r", path)
        with pytest.raises(ConfigError, match=f"user {SERVICE}, group {GROUP} read it") as caught:
            KeyRing.open(path)
        command = str(caught.value).split("`")[1]
        subprocess.run(["/bin/sh", "-c", command], check=True)  # noqa: S603
        KeyRing.open(path)

    def test_entries_that_allow_nothing_refuse_nothing(self, folder: Path) -> None:
        """A mask and an entry for the owner give access to no other user."""
        path = key_file(folder)
        setfacl("-m", f"u:{SERVICE}:---,u:0:r,g::---,m::r", path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert not reads(path, SERVICE)
        KeyRing.open(path)

    def test_a_list_that_cannot_be_kept(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The file stays as it is, and nothing is left beside it."""
        path = key_file(folder)
        setfacl("-m", f"u:{SERVICE}:r", path)
        before = path.read_bytes()

        def refuse(*_: object) -> None:
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr(os, "setxattr", refuse)
        with pytest.raises(ConfigError, match="access control list cannot be kept"):
            change(path)
        assert path.read_bytes() == before
        assert names(folder) == [".keys.json.lock", "keys.json"]


@needs_users
class TestUsers:
    def test_another_users_file_is_not_taken_over(self, folder: Path) -> None:
        """Who can write the folder alone does not become the owner, nor leave a lock behind."""
        folder.chmod(0o777)
        path = key_file(folder)
        (folder / ".keys.json.lock").unlink(missing_ok=True)
        path.chmod(0o644)
        done = program("keys", "rotate", path, "--shared-file", user=STRANGER)
        assert (done.returncode, "root" in done.stderr) == (2, True), done.stderr
        assert names(folder) == ["keys.json"]
        assert path.stat().st_uid == 0

    def test_the_remedy_is_one_that_can_be_run(self, folder: Path) -> None:
        """A reader that is not the owner cannot change the mode, and is not told to."""
        path = key_file(folder)
        os.chown(path, 0, STRANGER)
        path.chmod(0o640)
        done = program("keys", "status", path, user=STRANGER)
        assert done.returncode == 2
        assert f"user 0 owns it, so let user {STRANGER} own it" in done.stderr
        assert "chmod" not in done.stderr

    def test_a_folder_that_cannot_be_listed(self, folder: Path) -> None:
        """Mode 0300 is enough to create and to change a file, and to remove what is left over."""
        private = folder / "private"
        private.mkdir()
        os.chown(private, SERVICE, SERVICE)
        private.chmod(0o300)
        path = private / "keys.json"
        assert program("keys", "new", path, "--token-lifetime", 60, user=SERVICE).returncode == 0
        (private / ".keys.json.tmp").write_text("of a dead writer")
        done = program("keys", "schedule", path, "--token-lifetime", 61, user=SERVICE)
        assert done.returncode == 0, done.stderr
        assert names(private) == [".keys.json.lock", "keys.json"]

    def test_the_owner_can_change_what_root_has_made_and_changed(self, folder: Path) -> None:
        """Root's lock goes with the creation, and later belongs to the owner of the file."""
        os.chown(folder, SERVICE, SERVICE)
        path = key_file(folder)
        assert names(folder) == ["keys.json"]
        os.chown(path, SERVICE, GROUP)
        change(path)
        lock = (folder / ".keys.json.lock").stat()
        assert (stat.S_IMODE(lock.st_mode), lock.st_uid, lock.st_gid) == (0o600, SERVICE, GROUP)
        os.chown(path, SERVICE, SERVICE)
        assert program("keys", "schedule", path, "--period", 864000, user=SERVICE).returncode == 0


class TestLock:
    @needs_users
    def test_a_stranger_cannot_hold_it(self, folder: Path) -> None:
        """Neither a lock on the folder nor one on the file keeps a key from being revoked."""
        path = key_file(folder)
        path.chmod(0o644)
        change(path)
        holders = [os.open(name, os.O_RDONLY) for name in (folder, path)]  # as a stranger can
        try:
            for holder in holders:
                fcntl.flock(holder, fcntl.LOCK_EX)
            assert not reads(folder / ".keys.json.lock", STRANGER)
            ring = KeyRing.open(path, shared_file=True)
            ring.add(now=0).revoke(next(iter(ring)).kid).save(path)
        finally:
            for holder in holders:
                os.close(holder)

    @needs_users
    @pytest.mark.parametrize("as_root", [True, False])
    def test_another_users_lock_is_named(self, folder: Path, *, as_root: bool) -> None:
        """It is refused at once with its owner and the remedy, and not waited for."""
        path = key_file(folder)
        owner, other = (0, STRANGER) if as_root else (SERVICE, 0)
        os.chown(folder, owner, owner)
        os.chown(path, owner, owner)
        lock = folder / ".keys.json.lock"
        lock.touch(0o600)
        os.chown(lock, other, other)
        done = program("keys", "schedule", path, "--period", 864000, user=owner)
        assert done.returncode == 2
        assert f"user {other} owns it, but user {owner} owns the key file: delete" in done.stderr

    @pytest.mark.parametrize("kind", ["link", "folder", "fifo"])
    def test_what_is_not_a_file(self, tmp_path: Path, kind: str) -> None:
        """A link is not followed, and a FIFO not waited for."""
        path = key_file(tmp_path)
        lock = tmp_path / ".keys.json.lock"
        lock.unlink(missing_ok=True)
        if kind == "link":
            lock.symlink_to(tmp_path / "elsewhere")
        elif kind == "folder":
            lock.mkdir()
        else:
            os.mkfifo(lock)
        with pytest.raises(ConfigError, match=r"lock: not a regular file: delete it"):
            change(path)
        assert not (tmp_path / "elsewhere").exists()

    def test_one_that_others_could_open_is_closed_to_them(self, tmp_path: Path) -> None:
        """Its mode is put right by the next writer."""
        path = key_file(tmp_path)
        lock = tmp_path / ".keys.json.lock"
        lock.touch()
        lock.chmod(0o666)
        change(path)
        assert stat.S_IMODE(lock.stat().st_mode) == 0o600


def test_what_a_dead_writer_has_left_is_removed(tmp_path: Path) -> None:
    """The next writer removes a temporary file, which can hold keys that are revoked since."""
    path = key_file(tmp_path)
    left = tmp_path / ".keys.json.tmp"
    left.write_bytes(path.read_bytes())
    change(path)
    assert not left.exists()


def test_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are created on file systems without hard links, and one creator wins."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    path = key_file(tmp_path)
    assert not create_private_file(path, b"other")
    assert load_ring(FileSource(path)).serial == 1


def test_a_readable_database_of_keys(tmp_path: Path) -> None:
    """SQLite's file is refused as a key file is, unless it is declared shared."""
    url = f"sqlite:///{tmp_path}/keys.db"
    assert main(["keys", "new", url, "--token-lifetime", "60"]) == 0
    for name in ("keys.db", "keys.db-wal"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o644)
        with pytest.raises(ConfigError, match=rf"key database .*{name}: mode 0644 .*chmod 600"):
            source_from_url(url).read()
        assert main(["keys", "status", url]) == 2
        (tmp_path / name).chmod(0o600)
    (tmp_path / "keys.db").chmod(0o640)
    assert main(["keys", "status", url, "--shared-file"]) == 0


@pytest.mark.parametrize("stood", ["nothing", "empty", "export"])
def test_an_export_is_private_whatever_stood_there(tmp_path: Path, stood: str) -> None:
    """It belongs to the user who makes it, with mode 0600 and without an access control list."""
    keys, output = tmp_path / "keys.json", tmp_path / "reader.json"
    KeyRing.generate("Ed25519").save(keys)
    if stood == "export":
        KeyRing.open(keys).reader().save(output)
    elif stood == "empty":
        output.touch()
    if stood != "nothing":
        output.chmod(0o644)
        if os.geteuid() == 0:
            os.chown(output, STRANGER, STRANGER)
    assert main(["keys", "export-reader", str(keys), "--output", str(output)]) == 0
    access = file_access.access_of(str(output))
    assert access == (os.geteuid(), access.group, 0o600, {})
    assert not KeyRing.open(output).can_mint


@pytest.fixture
def mounted(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Give a key file and the place where it is mounted as a single file."""
    path, place = key_file(folder), folder / "mounted.json"
    place.touch()
    command = ["mount", "--bind", str(path), str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        pytest.skip(f"cannot mount: {done.stderr.strip()}")
    yield path, place
    subprocess.run(["umount", "-l", str(place)], check=True)  # noqa: S603, S607


@needs_users
class TestSingleFileMounts:
    def test_one_that_shows_an_old_file(self, mounted: tuple[Path, Path]) -> None:
        """Reading says so, the watcher's status too, and its last good ring stays."""
        path, place = mounted
        watcher = KeyRingWatcher(FileSource(place))
        serial = watcher.ring.serial
        change(path)
        watcher.reload()
        status = watcher.status()
        assert status.last_error is not None
        assert "replaced at its source" in status.last_error
        assert (status.serial, watcher.ring.serial) == (serial, serial)
        with pytest.raises(ConfigError, match="mount its folder"):
            KeyRing.open(place)
        watcher.stop()

    def test_one_is_not_replaced(self, mounted: tuple[Path, Path]) -> None:
        """The error says where to change it."""
        with pytest.raises(ConfigError, match="change it at its source"):
            change(mounted[1])

    def test_a_file_that_is_replaced_while_it_is_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A reader that has opened the former file reads its successor."""
        path = tmp_path / "keys.json"
        path.write_bytes(b"old")
        path.chmod(0o600)
        opened = os.open

        def late(name: str, *arguments: int) -> int:
            descriptor = opened(name, *arguments)
            if name == str(path) and path.read_bytes() == b"old":
                replace_private_file(path, b"new", check=lambda _: None)
            return descriptor

        monkeypatch.setattr(os, "open", late)
        assert FileSource(path).read() == b"new"
