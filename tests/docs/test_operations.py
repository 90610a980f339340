"""docs/operations.md agrees with what runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis

from tests.servers import Redis, Valkey
from tests.stores.fixtures import PATIENCE
from tests.stores.samples import ADA, LIFE, NOW, denial, sid
from tokensession import StoreError, forks
from tokensession.stores import connection
from tokensession.stores.memcached import server as memcached
from tokensession.stores.redis.server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()


def blocks(language: str) -> list[str]:
    """Return the blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_uwsgi_is_told_what_the_warning_asks_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With the options of the page there is no warning; without them there is the one it quotes."""
    parser = ConfigParser()
    parser.read_string(blocks("ini")[0])
    options = {name.encode(): value.encode() for name, value in parser["uwsgi"].items()}
    for given in (options, {}):

        class Module:
            opt = given

        monkeypatch.setitem(sys.modules, "uwsgi", Module)
        forks._look_at_uwsgi()
        assert bool(caplog.messages) is not bool(given)
    (quoted,) = re.findall(r'names each missing option: "(.*?)"', PAGE)
    assert caplog.messages[0].startswith(quoted)


def test_what_a_worker_does_at_its_start_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the hook, keys and revocations are those of the worker's own reading."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(blocks("python")[0], names)  # noqa: S102  # our own text
    names["post_fork"](None, None)
    assert names["replica"].staleness < PATIENCE
    assert names["keys"].ring.can_mint
    names["keys"].stop()
    names["replica"].close()
    names["store"].close()


def test_the_engine_for_a_pooler_is_taken() -> None:
    """It is made without I/O, and stands in the place of a URL."""
    names: dict[str, Any] = {}
    exec(blocks("python")[1], names)  # noqa: S102  # our own text
    assert "pgbouncer:6432" in names["store"].name


def test_the_commands_run(tmp_path: Path) -> None:
    """The commands of the page run in order, as a shell runs them."""
    commands = re.findall(r"^\$ (.*)$", PAGE, re.MULTILINE)
    script = "\n".join(["set -e", *commands])
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(  # noqa: S603  # our own text
        ["/bin/sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False,
        timeout=300, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "all sessions" in done.stdout


@pytest.fixture(params=[Redis, Valkey], scope="module")
def server(slow: None, request: pytest.FixtureRequest) -> Iterator[Redis]:
    """Give a server with the users of the page."""
    with request.param(durable=False) as running:
        with redis.Redis.from_url(running.url) as admin:
            for line in blocks("redis")[0].splitlines():
                admin.execute_command(*line.split())
        yield running


def use_keys(store: RedisServer) -> None:
    """Read the key document, as a service does."""
    store.keys().read()


def use_rotation(store: RedisServer) -> None:
    """Replace the key document, as rotation does."""
    source = store.keys()
    before = source.read()
    assert source.write(b"one", over=before)
    assert source.write(b"two", over=b"one")


def use_overflow(store: RedisServer) -> None:
    """Use each call of the overflow."""
    overflow = store.overflow()
    overflow.put(bytes(32), b"entry", until=NOW + LIFE, now=NOW)
    assert overflow.keep(bytes(32), until=NOW + 2 * LIFE, now=NOW)
    assert overflow.get(bytes(32)) == b"entry"
    overflow.delete(bytes(32))


def use_revocations(store: RedisServer) -> None:
    """Use each call of the list."""
    revocations = store.revocations()
    store.create("revocations")
    revocations.deny(denial(1), now=NOW)
    revocations.replace(denial(2), sid(3), now=NOW)
    revocations.mark(ADA, None, now=NOW, life=LIFE)
    revocations.revoke_all(now=NOW)
    assert revocations.look_up(sid(1), ADA).denied
    list(revocations.read(None))
    revocations.sweep(now=NOW)
    assert revocations.count().denied >= 1


USES = {
    "session-keys": (use_keys,),
    "session-rotation": (use_keys, use_rotation),
    "session-overflow": (use_overflow,),
    "session-revocations": (use_revocations,),
    "session-app": (use_keys, use_rotation, use_overflow, use_revocations),
}


@pytest.mark.parametrize("user", USES)
def test_the_rights_of_a_user_are_those_of_its_role(server: Redis, user: str) -> None:
    """They suffice for the role, and a user of one role can use no other."""
    store = RedisServer(f"unix://{user}:PASSWORD@{server.socket}", timeout=PATIENCE)
    for use in USES["session-app"]:
        if use in USES[user]:
            use(store)
        else:
            with pytest.raises(StoreError):
                use(store)
    store.close()


def test_each_user_of_the_page_is_tested() -> None:
    """The page names no user whose rights are not tried."""
    assert re.findall(r"ACL SETUSER (\S+)", PAGE) == list(USES)


_WORK = """
import sys
one = Metrics()
one.refused("expired")
one.replica_read(0, 0)
one.replica_stale(int(sys.argv[1]))
one.ring_reloaded(int(sys.argv[1]))
"""
_SCRAPE = """
import sys, types
print(metrics().decode())
child_exit(None, types.SimpleNamespace(pid=int(sys.argv[1])))
print(metrics().decode())
"""


def test_metrics_of_several_workers(tmp_path: Path) -> None:
    """A scrape adds up the counters of all workers, and shows the worker that is behind."""
    metrics, exposing = blocks("python")[2:]
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    made = []
    for number in (3, 7):
        worker = subprocess.Popen(  # noqa: S603  # our own text
            [sys.executable, "-c", metrics + _WORK, str(number)], env=environment
        )
        assert worker.wait(PATIENCE) == 0
        made.append(worker.pid)
    done = subprocess.run(  # noqa: S603  # our own text
        [sys.executable, "-c", exposing + _SCRAPE, str(made[1])], env=environment, text=True,
        capture_output=True, check=True, timeout=PATIENCE,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith("#")]
    refused = 'session_refused_total{code="expired"} 2.0'
    assert sorted(lines[:3]) == [
        refused, "session_replica_stale_seconds 7.0", "session_ring_serial 3.0",
    ]  # fmt: skip
    assert sorted(lines[3:]) == [
        refused, "session_replica_stale_seconds 3.0", "session_ring_serial 3.0",
    ]  # fmt: skip


def test_the_numbers_are_those_of_the_code() -> None:
    """The age and the number of connections, and how often an old ring is confirmed."""
    assert f"for {connection.MAX_AGE} s at most" in PAGE
    assert PAGE.count(f"pool_recycle={connection.MAX_AGE}") == 2
    assert f"{memcached._MOST} to Redis or Memcached" in PAGE
