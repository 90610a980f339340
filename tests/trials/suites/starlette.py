"""Starlette's own tests of sessions."""

from __future__ import annotations

from .suite import Place, Suite, pytest

_LETTERS = (
    "Attributes of the cookie are written as in RFC 6265, such as `Path`; case has no meaning."
)
_MAX_AGE = "A session without a lifetime (`max_age` of 0 or less) is a `ConfigError`."


def _run(place: Place) -> set[str]:
    return pytest(place, "tests/middleware/test_session.py", plugin="on_starlette")


SUITE = Suite(
    name="starlette",
    archive="starlette==1.10.0",
    needs=(
        "anyio==4.16.0",
        "httpx2==2.16.2",
        "itsdangerous==2.2.0",
        "jinja2==3.1.6",
        "opentelemetry-api==1.45.2",
        "pytest==9.2.0",
        "python-multipart==0.0.34",
        "pyyaml==6.0.4",
        "trio==0.35.0",
    ),
    run=_run,
    explained={
        f"tests/middleware/test_session.py::{test.format(loop)}": reason
        for loop in ("asyncio", "trio")
        for test, reason in (
            ("test_domain_cookie[{}]", _LETTERS),
            ("test_partitioned_session[{}-True]", _LETTERS),
            ("test_session_cookie_subpath[{}]", _LETTERS),
            ("test_session_expires[{}]", _MAX_AGE),
            ("test_session_zero_max_age[{}]", _MAX_AGE),
        )
    },
)
