"""Flask's own test suite."""

from __future__ import annotations

from functools import partial

from .suite import Suite, pytest

_KEYS = "The keys are the ring's, not `SECRET_KEY` and `SECRET_KEY_FALLBACKS`."
_RENEWALS = "`SESSION_REFRESH_EACH_REQUEST` has no effect: the adapter renews in time."

SUITE = Suite(
    name="flask",
    archive="flask==3.1.3",
    needs=(
        "asgiref==3.13.0",
        "flask==3.1.3",
        "greenlet==3.5.6",
        "pytest==8.4.2",  # newer ones have moved what test_cli.py imports
        "python-dotenv==1.2.4",
        "werkzeug==3.1.9",
    ),
    run=partial(pytest, plugin="on_flask"),
    explained={
        "tests/test_basic.py::test_missing_session": _KEYS,
        "tests/test_basic.py::test_session_cookie_setting": _RENEWALS,
        "tests/test_basic.py::test_session_expiration": "The cookie has `Max-Age`, not `Expires`.",
        "tests/test_basic.py::test_session_refresh_vary": _RENEWALS,
        "tests/test_basic.py::test_session_secret_key_fallbacks": _KEYS,
        "tests/test_basic.py::test_session_special_types": (
            "A UUID and a datetime without a zone are refused, unless `convert=` writes them."
        ),
        "tests/test_basic.py::test_session_using_samesite_attribute": (
            "Without a setting the cookie is `SameSite=Lax`."
        ),
        "tests/test_basic.py::test_session_using_session_settings": (
            "`SESSION_COOKIE_HTTPONLY=False` is a `ConfigError`."
        ),
        "tests/test_reqctx.py::test_bad_environ_raises_bad_request": (
            "Fails on Flask's own sessions too."
        ),
        "tests/test_testing.py::test_session_transactions_no_null_sessions": _KEYS,
    },
)
