"""UWSGI forks in C: its workers share nothing that must not live through a fork."""

from __future__ import annotations

import json
import os
import signal
import site
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep, time
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

from tests.servers.process import PATIENCE, Server, free_port
from tokensession import KeyRing, Policy, SessionCodec, stores
from tokensession.revocation.decision import Denial

if TYPE_CHECKING:
    from tests.servers import Postgres

pytest.importorskip("pyuwsgi")

ROOT = Path(__file__).parents[2]
WORKERS = 3
RIGHT = ("--enable-threads", "--lazy-apps")
LATE = "late"  # the answer of a worker whose copy of the list is too old to be used


class UWSGI(Server):
    """UWSGI with some workers."""

    stop_signal = signal.SIGKILL  # workers that get a SIGTERM, not from their master, go on

    def __init__(self, keys: Path, store: str, *options: str) -> None:
        super().__init__()
        self._keys, self._store, self._options = keys, store, options
        self._port = free_port()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def command(self) -> list[str]:
        """Return the command."""
        paths = [f"--pythonpath={path}" for path in (*site.getsitepackages(), ROOT)]
        return [
            sys.executable, "-c", "import sys; from pyuwsgi import run; sys.exit(run())",
            f"--http-socket=127.0.0.1:{self._port}", "--master", f"--processes={WORKERS}",
            "--need-app", "--die-on-term", "--disable-logging", f"--socket-timeout={PATIENCE}",
            *paths, *self._options,
            f"--wsgi-file={Path(__file__).with_name('uwsgi_app.py')}",
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        """Return what the application is told."""
        return {"TEST_KEYS": str(self._keys), "TEST_STORE": self._store}

    def answers(self) -> bool:
        """Tell whether it serves, with all its workers."""
        loads = WORKERS if "--lazy-apps" in self._options else 1
        if self.log.count("WSGI app 0") < loads:
            return False
        self.ask("ask", bytes(16).hex())
        return True

    def ask(self, what: str, text: str) -> list[Any]:
        """Return the worker's process, its salt, and its answer."""
        with urlopen(f"{self.url}/{what}/{text}", timeout=PATIENCE) as response:  # noqa: S310  # ours
            found: list[Any] = json.loads(response.read())
            return found

    @property
    def log(self) -> str:
        """What it and its application have logged."""
        return (self.folder / "log").read_text()


@pytest.mark.parametrize("options", [(), RIGHT])
def test_it_serves_what_holds(
    options: tuple[str, ...], tmp_path: Path, postgres: Postgres, request: pytest.FixtureRequest
) -> None:
    """With all options each worker takes only its own answers, and all of them follow the keys."""
    _check(options, tmp_path, postgres.url)
    if not options:
        _check(options, tmp_path, request.getfixturevalue("valkey").url)


def _check(options: tuple[str, ...], folder: Path, url: str) -> None:
    path = folder / f"{url[:3]}.json"
    ring = KeyRing([*KeyRing.generate(kid="a"), *KeyRing.generate(kid="b")])
    ring.save(path)
    store = stores.connect(url)
    listed = store.revocations()
    store.create()
    codec: SessionCodec[Any] = SessionCodec(ring, policy=Policy(), revocation=listed)
    spared, ended = (codec.encode({"n": n}, subject=f"{os.urandom(4).hex()}") for n in range(2))
    denied, unknown = ([os.urandom(16) for _ in range(40)] for _ in range(2))
    for sid in denied:
        listed.deny(Denial(sid, None, None, 2**31), now=int(time()))
    with UWSGI(path, url, *options) as server, ThreadPoolExecutor(8) as pool:

        def all_of(what: str, texts: list[str]) -> list[list[Any]]:
            return list(pool.map(lambda text: server.ask(what, text), texts))

        def check(texts: list[str], *expected: object, late: object = LATE) -> list[list[Any]]:
            """Hold that the workers read tokens so, when none is late on a busy machine."""
            until = monotonic() + PATIENCE
            read = all_of("read", texts)
            while any(answer in (LATE, late) for _, _, answer in read) and monotonic() < until:
                read = all_of("read", texts)
            wanted = [*expected] * (len(texts) // len(expected))
            assert [answer for _, _, answer in read] == wanted
            return read

        sids = [sid for pair in zip(denied, unknown, strict=True) for sid in pair]
        answers = all_of("ask", [sid.hex() for sid in sids])
        assert [answer for _, _, answer in answers] == [True, False] * len(denied)
        read = check([spared, ended] * 20, 0, 1)
        salts = {(worker, salt) for worker, salt, _ in answers + read}
        assert len({salt for _, salt in salts}) == len({worker for worker, _ in salts}) > 1
        # Long enough for every copy to be too old, unless it was read meanwhile.
        codec.revoke(codec.decode(ended))
        sleep(1.1)
        check([ended] * 20, "revoked")
        check([spared] * 20, 0)
        KeyRing.open(path).revoke(codec.decode(spared).kid).save(path)
        sleep(1.1)
        check([spared] * 20, "unknown_key", late=0)
        missing = " and ".join(name[2:] for name in RIGHT if name not in options)
        lines = [line for line in server.log.splitlines() if "uWSGI runs without" in line]
        if missing:
            assert 0 < len(lines) <= WORKERS + 1
            assert all(f"without {missing}, so" in line for line in lines)
        else:
            assert lines == []
    store.close()
