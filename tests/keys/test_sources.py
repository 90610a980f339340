"""Sources of keys: files and environment variables, and what every document must be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.stores.keys_contract import KeySourceContract
from tokensession import ConfigError, KeyRing
from tokensession.keys import source as source_module
from tokensession.keys.file_source import EnvironmentSource, FileSource
from tokensession.keys.source import load_ring, parse_ring, update

if TYPE_CHECKING:
    from tokensession.keys.source import KeySource

ROOT = Path(__file__).parents[2]


class TestFile(KeySourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> KeySource:
        """Give a file that is not there yet."""
        return FileSource(tmp_path / "keys.json")


class TestDocuments:
    def test_a_document_without_serial(self, hs256: KeyRing) -> None:
        """An older one could not be told from it."""
        document = hs256.to_jwks(private=True)
        del document["serial"]
        with pytest.raises(ConfigError, match=r'the place: .*no serial.*"serial": 1'):
            parse_ring(
                "the place", KeyRing.from_jwks(document).to_json().replace(b'"serial"', b'"s"')
            )

    @pytest.mark.parametrize(
        ("document", "reason"),
        [
            (b"{", "not JSON"),
            (b'{"keys": []}', "has no keys"),
            (b'{"keys": [], "keys": []}', "duplicate member"),
            (b'{"serial": 1}', '"keys" is missing'),
            (b"\xff", "not JSON"),
        ],
    )
    def test_bad_documents(self, document: bytes, reason: str) -> None:
        """Each is refused with its place and reason."""
        with pytest.raises(ConfigError, match=f"^the place: .*{reason}"):
            parse_ring("the place", document)

    def test_a_document_of_another_size(
        self, hs256: KeyRing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Too large is refused before it is read as JSON."""
        monkeypatch.setattr(source_module, "MAX_DOCUMENT", 10)
        with pytest.raises(ConfigError, match="larger than 10 bytes"):
            parse_ring("x", hs256.to_json())

    def test_published_secrets(self) -> None:
        """Those of documentation are refused, as from a file."""
        document = (
            b'{"serial": 1, "keys": [{"kty": "oct", "kid": "k1", "alg": "HS256", "k": "%s"}]}'
        )
        with pytest.raises(ConfigError, match="published example"):
            parse_ring("x", document % b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")


class TestEnvironment:
    def test_reading(self, hs256: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
        """The variable's text; none where it is missing or empty."""
        source = EnvironmentSource("TEST_KEYS")
        monkeypatch.delenv("TEST_KEYS", raising=False)
        assert source.read() is None
        monkeypatch.setenv("TEST_KEYS", "")
        assert source.read() is None
        monkeypatch.setenv("TEST_KEYS", hs256.to_json().decode())
        assert load_ring(source).fingerprint == hs256.fingerprint

    def test_it_cannot_be_written(self, hs256: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
        """A process cannot change it for others; the message says what to do."""
        monkeypatch.setenv("TEST_KEYS", hs256.to_json().decode())
        with pytest.raises(ConfigError, match=r"TEST_KEYS: .* deploy again"):
            update(EnvironmentSource("TEST_KEYS"), lambda ring: ring.add())


KILLED = """
import os, sys
from pathlib import Path
from tokensession.keys.file_source import FileSource
from tokensession.keys.source import update

path, step = sys.argv[1], int(sys.argv[2])
calls = 0

def dying(call):
    def wrapped(*arguments, **named):
        global calls
        if calls == step:
            os.kill(os.getpid(), 9)
        calls += 1
        return call(*arguments, **named)
    return wrapped

def change(ring):
    for name in ("open", "fsync", "link", "close", "fchmod", "fchown", "fstat"):
        setattr(os, name, dying(getattr(os, name)))
    Path.replace = dying(Path.replace)
    Path.unlink = dying(Path.unlink)
    return ring.add()

update(FileSource(path), change)
"""


def test_killed_at_every_step(tmp_path: Path) -> None:
    """A writer that is killed at any step leaves the old document or the new one."""
    serials = []
    for step in range(40):
        path = tmp_path / f"{step}.json"
        KeyRing.open(path)
        done = subprocess.run(  # noqa: S603  # our own interpreter and text
            [sys.executable, "-c", KILLED, str(path), str(step)],
            cwd=ROOT, capture_output=True, check=False, timeout=120,
        )  # fmt: skip
        serials.append(load_ring(FileSource(path)).serial)
        # What the killed one left behind hinders no later writer.
        assert update(FileSource(path), lambda ring: ring.add()).after.serial == serials[-1] + 1
        if done.returncode == 0:
            break
        assert done.returncode == -9
    assert serials[0] == 0
    assert serials[-1] == 1
    assert serials == sorted(serials)
    assert serials.count(1) > 1
