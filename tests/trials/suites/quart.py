"""Quart's own test suite."""

from __future__ import annotations

from functools import partial

from .suite import Suite, pytest

_OWN = "Fails on Quart's own sessions too."

SUITE = Suite(
    name="quart",
    archive=None,  # those of its releases hold no tests
    needs=(
        "click==8.5.1",
        "hypothesis==6.170.17",
        "pytest-asyncio==1.5.0",
        "pytest-cov==7.1.0",
        "pytest==9.2.0",
        "python-dotenv==1.2.4",
        "quart==0.22.0",
        "werkzeug==3.1.9",
    ),
    run=partial(pytest, plugin="on_quart"),
    explained={
        "tests/test_asgi.py::test__handle_exception[False-True-True]": _OWN,
        "tests/test_asgi.py::test__handle_exception[True-False-True]": _OWN,
        "tests/test_asgi.py::test__handle_exception[True-True-True]": _OWN,
        "tests/test_blueprints.py::test_cli_blueprints[cli_group2-args2]": _OWN,
    },
)
