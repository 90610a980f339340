"""Flask-Login's own test suite."""

from __future__ import annotations

from functools import partial

from .suite import Suite, pytest

SUITE = Suite(
    name="flask_login",
    archive="flask-login==0.6.3",
    needs=(
        "asgiref==3.13.0",
        "flask-login==0.6.3",
        "flask==3.1.3",
        "pytest==8.4.2",
        "semantic-version==2.10.0",
        "werkzeug==3.1.9",
    ),
    run=partial(pytest, plugin="on_flask"),
)
