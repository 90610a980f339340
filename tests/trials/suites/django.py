"""Django's own tests of sessions, and of what is made of them."""

from __future__ import annotations

import os
import re
import subprocess

from .suite import PLUGINS, Place, Suite

_LABELS = (
    "sessions_tests", "auth_tests", "messages_tests", "csrf_tests", "test_client",
    "test_client_regress", "admin_views",
)  # fmt: skip
_COOKIES = "sessions_tests.tests::CookieSessionTests."
_MIDDLEWARE = "sessions_tests.tests::SessionMiddlewareTests."
_ADMIN = "admin_views.tests::"

_POLICY = "The idle timeout is the policy's, not `SESSION_COOKIE_AGE`."
_HIDDEN = "`modified = False` does not hide a change: every change is saved."
_QUERIES = "It counts queries: the session costs one less than in a table."
_OTHER_ENGINE = "It sets another `SESSION_ENGINE`, which our middleware does not use."
_LOADED = "`load()` gives the state in hand, which a response of 500 has not saved."
_CLOCK = "It replaces `timezone.now`: the session has a clock of its own."


def run(place: Place) -> set[str]:
    """Run the tests, and return the ids of those that failed.

    Raises:
        RuntimeError: They could not be run.
    """
    settings = "test_sqlite" if place.own else "on_django"
    command = [str(place.python), "runtests.py", f"--settings={settings}", "--parallel=1"]
    ran = subprocess.run(
        [*command, "--noinput", *_LABELS],
        cwd=place.source / "tests",
        env={**os.environ, "PYTHONPATH": str(PLUGINS)},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    summary = re.search(r"^Ran \d+ tests", ran.stderr, re.MULTILINE)
    if summary is None:
        raise RuntimeError(f"runtests.py did not run the tests:\n{ran.stderr}")
    print(summary[0])
    found = re.findall(r"^(?:FAIL|ERROR): \w+ \(([\w.]+)\.(\w+\.\w+)\)", ran.stderr, re.MULTILINE)
    return {f"{module}::{test}" for module, test in found}


SUITE = Suite(
    name="django",
    archive="django==5.2.19",
    needs=("django==5.2.19", "argon2-cffi==25.1.0", "bcrypt==5.0.0", "jinja2==3.1.6"),
    run=run,
    explained={
        **{
            _COOKIES + f"test_{name}{suffix}": reason
            for name, reason in {
                "custom_expiry_reset": _POLICY,
                "custom_expiry_timedelta": _CLOCK,
                "default_expiry": _POLICY,
                "has_key": _HIDDEN,
                "items": _HIDDEN,
                "keys": _HIDDEN,
                "values": _HIDDEN,
            }.items()
            for suffix in ("", "_async")
        },
        _COOKIES + "test_pop": (
            "`modified` tells whether the state is another than the one that was found."
        ),
        _COOKIES + "test_session_key_valid_string_saved": (
            "It sets `_session_key`, an internal of Django's."
        ),
        _MIDDLEWARE + "test_empty_session_saved": "It looks into the table of sessions.",
        _MIDDLEWARE + "test_no_httponly_session_cookie": (
            "`SESSION_COOKIE_HTTPONLY = False` is a `ConfigError`."
        ),
        _MIDDLEWARE + "test_session_save_on_500": _LOADED,
        _MIDDLEWARE + "test_session_save_on_5xx": _LOADED,
        "auth_tests.test_views::LoginTest."
        "test_session_key_flushed_on_login_after_password_change": (
            "Each sign-in begins a new session, also one of the same user."
        ),
        "test_client.tests::ClientTest.test_sessions_app_is_not_installed": _OTHER_ENGINE,
        "test_client.tests::ClientTest."
        "test_view_with_login_when_sessions_app_is_not_installed": _OTHER_ENGINE,
        "test_client_regress.tests::SessionEngineTests.test_login": _OTHER_ENGINE,
        _ADMIN + "AdminCustomQuerysetTest.test_changelist_view_count_queries": _QUERIES,
        _ADMIN + "AdminSearchTest.test_no_total_count": _QUERIES,
        _ADMIN + "AdminSearchTest.test_reset_link": _QUERIES,
        _ADMIN + "GroupAdminTest.test_group_permission_performance": _QUERIES,
        _ADMIN + "UserAdminTest.test_user_permission_performance": _QUERIES,
    },
)
