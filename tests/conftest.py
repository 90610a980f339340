"""What the tests share: rings of each algorithm, and an instant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tokensession import KeyRing, forks
from tokensession.keys.poller import Poller

from .servers.fixtures import cluster, memcached, mongo, postgres, redis_server, slow, valkey
from .stores.fixtures import new_postgres, new_redis, new_sqlite, new_valkey, sqlite_url

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "cluster", "memcached", "mongo", "new_postgres", "new_redis", "new_sqlite", "new_valkey",
    "postgres", "redis_server", "slow", "sqlite_url", "valkey",
]  # fmt: skip

FOLDER = Path(__file__).parent
# What --fast leaves out: other languages' programs, browsers, deployments and whole fleets.
SLOW = (
    "browser",
    "ecosystem",
    "interop",
    "legacy/test_express.py",
    "openid/test_provider.py",
    "overflow/test_histories.py",
    "revocation/test_outages.py",
    "servers",
    "trials/deploy",
    "trials/history",
    "trials/load",
    "trials/simulation",
)
ALGORITHMS = ("HS256", "Ed25519", "ES256")
NOW = 1_785_000_000  # 2026-07-25T17:20:00Z

# No deadline: a test must not depend on the speed of the machine.
settings.register_profile(
    "default", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("default")


@pytest.fixture(autouse=True, scope="module")
def _followers_end() -> Iterator[None]:
    """Let no replica or watcher go on reading when the tests of its module are over.

    Clients of servers draw from ``random``, which Hypothesis must have for itself. Watchers of the
    documents' examples follow files in folders that are left.
    """
    yield
    for one in list(forks._calls):
        if isinstance(one, Poller):
            one.stop()


_RINGS = {algorithm: KeyRing.generate(algorithm) for algorithm in ALGORITHMS}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of the short run."""
    words = "leave out what starts a server, a browser, a fleet or another language's program"
    parser.addoption("--fast", action="store_true", help=words)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the slow folders out of a short run."""
    slow = any(collection_path == FOLDER / name for name in SLOW)
    return True if slow and config.getoption("fast") else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the modules that wait for servers and programs first.

    They have few tests that take long, so that one of them at the end keeps one worker busy alone.
    """
    names = (*SLOW, "adapters/test_uwsgi.py", "stores", "adapters", "web", "test_types.py")
    first = [FOLDER / name for name in names]
    last = {
        path: not any(path.is_relative_to(one) for one in first)
        for path in {item.path for item in items}
    }
    items.sort(key=lambda item: last[item.path])


@pytest.fixture(params=ALGORITHMS)
def algorithm(request: pytest.FixtureRequest) -> str:
    """Give each algorithm in turn."""
    name: str = request.param
    return name


@pytest.fixture
def ring(algorithm: str) -> KeyRing:
    """Give a ring of one key of each algorithm in turn."""
    return _RINGS[algorithm]


@pytest.fixture
def hs256() -> KeyRing:
    """Give a ring of one HS256 key."""
    return _RINGS["HS256"]
