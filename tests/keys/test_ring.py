"""The key ring: files, variables, readers and new documents (SPEC section 7)."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NOW
from tokensession import ConfigError, KeyRing, SessionCodec, UnknownKey, decode, encode
from tokensession.keys.jwk import generate_key
from tokensession.keys.schedule import Schedule

if TYPE_CHECKING:
    from pathlib import Path


def test_members_and_serial_are_kept(hs256: KeyRing) -> None:
    """Unknown members of the document survive a change, and the serial grows by one."""
    document = hs256.to_jwks(private=True) | {"serial": 7, "owner": {"team": ["web"]}}
    changed = KeyRing.from_jwks(document).add(now=NOW)
    assert changed.serial == 8
    assert changed.to_jwks(private=True)["owner"] == {"team": ["web"]}


@pytest.mark.parametrize("algorithm", ["Ed25519", "ES256"])
def test_a_reader_reads_and_cannot_mint(algorithm: str) -> None:
    """Without the private half a ring verifies and decrypts; encoding is refused."""
    ring = KeyRing.generate(algorithm)
    reader = KeyRing.from_jwks(ring.reader().to_jwks(private=True))
    assert decode(encode({"a": 1}, ring), reader).state == {"a": 1}
    assert not reader.can_mint
    assert all("d" not in jwk for jwk in reader.to_jwks(private=True)["keys"])
    with pytest.raises(ConfigError, match="can sign"):
        encode({}, reader)


def test_a_reader_of_hs256_is_refused(hs256: KeyRing) -> None:
    """There, a reader could mint."""
    with pytest.raises(ConfigError, match="could also mint them"):
        hs256.reader()


def test_a_revoked_hs256_key_passes_into_a_reader_as_a_tombstone() -> None:
    """After a change of algorithm its name stays, its secret does not."""
    ring = KeyRing.generate(kid="old").revoke("old", now=NOW).add("Ed25519", now=NOW)
    reader = ring.reader()
    assert reader.states(NOW)["old"] == "revoked"
    assert reader["old"].secret is None


def test_open_creates_a_private_file_once(
    tmp_path: Path, algorithm: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The file has mode 0600 and one key, a warning says so, and it is read the next time."""
    path = tmp_path / "keys.json"
    ring = KeyRing.open(path, algorithm=algorithm)
    assert path.stat().st_mode & 0o777 == 0o600
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert str(path) in record.getMessage()
    again = KeyRing.open(path)
    assert again.to_jwks(private=True) == ring.to_jwks(private=True)
    assert next(iter(again)).algorithm == algorithm
    assert [entry.name for entry in tmp_path.iterdir()] == ["keys.json"]


def test_many_openers_create_one_key(tmp_path: Path) -> None:
    """Of all that open a missing file at once, one creates it and all have its key."""
    path = tmp_path / "keys.json"
    rings: list[KeyRing] = []
    start = threading.Barrier(8)

    def open_it() -> None:
        start.wait()
        rings.append(KeyRing.open(path))

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({json.dumps(ring.to_jwks(private=True)) for ring in rings}) == 1
    assert len(rings) == 8


def test_open_without_create(tmp_path: Path) -> None:
    """A host without its copy must not make keys of its own."""
    with pytest.raises(ConfigError, match="not found"):
        KeyRing.open(tmp_path / "keys.json", create=False)
    assert list(tmp_path.iterdir()) == []


def test_published_secrets_are_refused_where_keys_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dict may hold the vectors' keys; a file or an environment variable may not."""
    jwk = {"kty": "oct", "kid": "k1", "alg": "HS256",
           "k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}  # fmt: skip
    text = json.dumps({"keys": [jwk]})
    KeyRing.from_jwks(text)
    path = tmp_path / "keys.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="published example"):
        KeyRing.open(path)
    monkeypatch.setenv("SESSION_KEYS", text)
    with pytest.raises(ConfigError, match="published example"):
        KeyRing.from_env("SESSION_KEYS")


def test_the_environment(hs256: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    """The document may stand in a variable."""
    monkeypatch.setenv("SESSION_KEYS", json.dumps(hs256.to_jwks(private=True)))
    assert KeyRing.from_env("SESSION_KEYS").to_jwks(private=True) == hs256.to_jwks(private=True)


@pytest.mark.parametrize("value", [None, "", "{"])
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    """Missing, empty or no document: the error begins with its name."""
    monkeypatch.delenv("SESSION_KEYS", raising=False)
    if value is not None:
        monkeypatch.setenv("SESSION_KEYS", value)
    with pytest.raises(ConfigError, match=r"^environment variable SESSION_KEYS"):
        KeyRing.from_env("SESSION_KEYS")


def test_saving_over_the_predecessor(tmp_path: Path) -> None:
    """A changed ring replaces the file that it was made from; saving it twice is harmless."""
    path = tmp_path / "keys.json"
    ring = KeyRing.open(path).add()
    ring.save(path)
    ring.save(path)
    assert KeyRing.open(path).serial == 1
    assert path.stat().st_mode & 0o777 == 0o600


def test_of_two_writers_one_wins(tmp_path: Path) -> None:
    """The second is told that the file has moved on, and changes nothing."""
    path = tmp_path / "keys.json"
    base = KeyRing.open(path)
    base.add().save(path)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="another writer has saved serial 1"):
        base.add().save(path)
    assert path.read_bytes() == before


def test_saving_never_replaces_another_ring(tmp_path: Path) -> None:
    """A file whose key has other material under the same kid is left alone."""
    path = tmp_path / "keys.json"
    KeyRing([generate_key(kid="a")]).save(path)
    before = path.read_bytes()
    for other in (KeyRing([generate_key(kid="a")], serial=1), KeyRing.generate().add()):
        with pytest.raises(ConfigError, match="another writer"):
            other.save(path)
    assert path.read_bytes() == before


def test_a_change_on_a_change_is_still_of_its_base(tmp_path: Path) -> None:
    """A ring that was changed twice in memory does not replace another operator's change."""
    path = tmp_path / "keys.json"
    base = KeyRing.open(path)
    (key,) = base
    slow = base.add().add()
    base.revoke(key.kid).save(path)
    with pytest.raises(ConfigError, match="another writer"):
        slow.save(path)
    assert KeyRing.open(path)[key.kid].revoked


def test_saving_again_and_again(tmp_path: Path) -> None:
    """What was saved is the base of what is made from it."""
    path = tmp_path / "keys.json"
    ring = KeyRing.generate()
    for serial in range(4):
        ring.save(path)
        assert KeyRing.open(path).serial == serial
        ring = ring.add()
    reopened = KeyRing.open(path).add()
    reopened.save(path)
    with pytest.raises(ConfigError, match="another writer"):
        ring.save(path)


def test_many_savers_lose_nothing(tmp_path: Path) -> None:
    """Of many that add a key to one base at once, one wins; each that tries again succeeds."""
    path = tmp_path / "keys.json"
    KeyRing.open(path)

    def add_until_saved() -> None:
        while True:
            with contextlib.suppress(ConfigError):
                KeyRing.open(path).add().save(path)
                return

    threads = [threading.Thread(target=add_until_saved) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert KeyRing.open(path).serial == 8
    assert len(KeyRing.open(path)) == 9


def test_a_vanished_file_is_not_made_anew(tmp_path: Path) -> None:
    """A process that has a ring does not take a missing file for an invitation."""
    path = tmp_path / "keys.json"
    ring = KeyRing.open(path)
    path.unlink()
    with pytest.raises(ConfigError, match="not found"):
        KeyRing.open(path, running=ring)
    assert not path.exists()


def test_a_running_ring_is_held_against_files_and_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document from a file or a variable must not be older than the one in use."""
    path = tmp_path / "keys.json"
    old = KeyRing.open(path)
    monkeypatch.setenv("SESSION_KEYS", json.dumps(old.to_jwks(private=True)))
    with pytest.raises(ConfigError, match="older than the running 1"):
        KeyRing.open(path, running=old.add())
    with pytest.raises(ConfigError, match="older than the running 1"):
        KeyRing.from_env("SESSION_KEYS", running=old.add())


def test_odd_private_members_do_not_stop_a_file(
    hs256: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member that means nothing for an algorithm is unknown, and ignored."""
    for odd in (5, "a b", "é"):
        document = hs256.to_jwks(private=True)
        document["keys"][0]["d"] = odd
        monkeypatch.setenv("SESSION_KEYS", json.dumps(document))
        assert len(KeyRing.from_env("SESSION_KEYS")) == 1


def test_a_revoked_reader_key_with_key_ops() -> None:
    """Its tombstone has no operations to contradict."""
    document = KeyRing.generate("Ed25519", kid="a").to_jwks(private=True)
    document["keys"][0]["key_ops"] = ["sign"]
    ring = KeyRing.from_jwks(document).revoke("a")
    assert ring.reader().states(NOW) == {"a": "revoked"}


def test_a_file_that_others_can_read_is_refused_unless_that_is_said(tmp_path: Path) -> None:
    """A file that others can read is refused without `shared_file=True`."""
    path = tmp_path / "keys.json"
    ring = KeyRing.open(path)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="others"):
        KeyRing.open(path)
    assert KeyRing.open(path, shared_file=True).serial == ring.serial


def test_an_empty_variable_is_told_from_a_wrong_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of an empty variable says what to put there."""
    monkeypatch.setenv("TOKENSESSION_KEYS", "")
    for name in ("TOKENSESSION_KEYS", "TOKENSESSION_KEYS_NOT_THERE"):
        with pytest.raises(ConfigError, match=f"variable {name} is missing or empty; set it to"):
            KeyRing.from_env(name)


def test_a_rotation_config_is_written_into_the_document(hs256: KeyRing) -> None:
    """A rotation config is written with the next serial, and keeps its unknown members."""
    document = hs256.to_jwks(private=True) | {"serial": 3, "rotation": {"owner": "ops"}}
    schedule = Schedule(period=10_000, propagation=900, token_lifetime=3600)
    changed = KeyRing.from_jwks(document).with_schedule(schedule)
    assert changed.serial == 4
    assert changed.schedule == schedule
    rotation = changed.to_jwks(private=True)["rotation"]
    assert rotation == {"owner": "ops", **schedule.to_member()}
    assert hs256.with_schedule(schedule).schedule == schedule  # where there was none


def test_a_serial_reaches_to_the_last_exact_integer(hs256: KeyRing) -> None:
    """2**53 - 1 is the last serial; a change after it is refused."""
    last = KeyRing([*hs256], serial=2**53 - 1)
    assert KeyRing.from_jwks(last.to_jwks(private=True)).serial == 2**53 - 1
    with pytest.raises(ConfigError, match="serial must be an integer from 0"):
        last.add()


def test_a_ring_is_saved_over_any_that_it_was_made_from(tmp_path: Path) -> None:
    """Of several changes the file can hold the first ring or one in between, and no other."""
    path = tmp_path / "keys.json"
    base = KeyRing.open(path)
    between = base.add()
    last = between.add()
    between.save(path)
    last.save(path)
    assert KeyRing.open(path).fingerprint == last.fingerprint
    with pytest.raises(ConfigError, match="another writer has saved serial 2"):
        between.save(path)
    other = KeyRing.from_jwks(last.to_jwks(private=True))  # equal, from another place
    other.add().save(path)
    assert KeyRing.open(path).serial == 3


def test_a_changed_ring_is_not_a_change_of_it(tmp_path: Path) -> None:
    """A reader, or a ring with the revocations of another, does not replace the minter's file."""
    path = tmp_path / "keys.json"
    ring = KeyRing.open(path, algorithm="Ed25519")
    (key,) = ring
    for other in (ring.reader(), ring.with_revocations_of(ring.revoke(key.kid))):
        with pytest.raises(ConfigError, match="another writer"):
            other.save(path)


class TestFollowing:
    def test_a_missing_file(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """It is created as by `open`, once, with a warning."""
        path = tmp_path / "keys.json"
        with KeyRing.follow(path, algorithm="ES256") as watcher:
            assert [key.algorithm for key in watcher.ring] == ["ES256"]
        assert path.stat().st_mode & 0o777 == 0o600
        assert f"created key file {path} with one new ES256 key" in caplog.text
        with KeyRing.follow(path) as watcher:
            assert watcher.ring.fingerprint == KeyRing.open(path).fingerprint

    def test_changes_arrive(self, tmp_path: Path) -> None:
        """A key that is added or revoked in the file is so in the process, without a restart."""
        path = tmp_path / "keys.json"
        arrived = threading.Event()
        with KeyRing.follow(path, refresh=0.01, callback=lambda _: arrived.set()) as watcher:
            codec: SessionCodec[Any] = SessionCodec(watcher)
            token = codec.encode({"a": 1})
            (key,) = ring = KeyRing.open(path)
            ring.add().revoke(key.kid).save(path)
            assert arrived.wait(60)
            with pytest.raises(UnknownKey):
                codec.decode(token)
            assert codec.decode(codec.encode({})).kid != key.kid

    def test_without_create(self, tmp_path: Path) -> None:
        """A host without its copy must not make keys of its own."""
        with pytest.raises(ConfigError, match=r"keys\.json: there is no key document"):
            KeyRing.follow(tmp_path / "keys.json", create=False)
        assert list(tmp_path.iterdir()) == []

    def test_a_file_that_others_can_read(self, tmp_path: Path) -> None:
        """It is refused, unless the caller accepts it."""
        path = tmp_path / "keys.json"
        KeyRing.open(path)
        path.chmod(0o644)
        with pytest.raises(ConfigError, match="others"):
            KeyRing.follow(path)
        with KeyRing.follow(path, shared_file=True) as watcher:
            assert len(watcher.ring) == 1

    def test_wrong_arguments(self, tmp_path: Path) -> None:
        """A document in place of its path, and an interval out of range, are named."""
        with pytest.raises(ConfigError, match="not a key document"):
            KeyRing.follow(KeyRing.generate().to_json().decode())
        with pytest.raises(ConfigError, match="refresh must be above 0 and at most 86400 seconds"):
            KeyRing.follow(tmp_path / "keys.json", refresh=0)
