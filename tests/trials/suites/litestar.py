"""Litestar's own tests of sessions, and of what builds on them.

The archive is the newest that holds tests. They have not changed since, and they test the release
that is named below.
"""

from __future__ import annotations

import shutil

from .suite import Place, Suite, pytest

TESTS = (
    "tests/unit/test_middleware/test_logging_middleware.py",
    "tests/unit/test_middleware/test_session/test_integration.py",
    "tests/unit/test_middleware/test_session/test_middleware.py",
    "tests/unit/test_plugins/test_flash.py",
    "tests/unit/test_security/test_security.py",
    "tests/unit/test_security/test_session_auth.py",
    "tests/unit/test_testing/test_test_client.py",
)


def _run(place: Place) -> set[str]:
    shutil.rmtree(place.source / "litestar", ignore_errors=True)  # the installed one is tested
    # The tests left out need Litestar's containers.
    return pytest(place, *TESTS, "-k", "not redis_store", plugin="on_litestar")


SUITE = Suite(
    name="litestar",
    archive="litestar==2.13.0",
    needs=(
        "asyncpg==0.32.0",
        "brotli==1.2.1",
        "greenlet==3.5.6",
        "httpx==0.28.1",
        "jinja2==3.1.6",
        "litestar==2.25.0",
        "mako==1.4.3",
        "minijinja==3.1.0",
        "picologging==0.9.3",
        "polyfactory==3.5.0",
        "pydantic==2.14.4",
        "pyjwt==2.15.1",
        "pytest-asyncio==0.26.0",
        "pytest-lazy-fixtures==1.4.1",
        "pytest-mock==3.17.0",
        "pytest-xdist==3.8.0",
        "pytest==8.3.4",
        "redis==8.1.0",
        "starlette==1.10.0",
        "structlog==26.1.0",
        "time-machine==2.19.0",
        "trio==0.35.0",
    ),
    run=_run,
)
