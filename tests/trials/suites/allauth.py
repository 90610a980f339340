"""django-allauth's whole test suite; `--own` runs it on Django's signed cookies."""

from __future__ import annotations

from pathlib import Path

from .suite import Place, Suite, pytest

EXPLAINED = Path(__file__).with_suffix(".txt")  # reasons, each followed by the tests' ids


def run(place: Place) -> set[str]:
    """Run the tests, and return the ids of those that failed."""
    settings = "on_signed_cookies" if place.own else "on_allauth"
    return pytest(place, f"--ds={settings}", plugin="on_allauth")


def _explained() -> dict[str, str]:
    reason, found = "", {}
    for line in EXPLAINED.read_text().splitlines():
        if line.startswith("# "):
            reason = line.removeprefix("# ")
        elif line:
            found[line] = reason
    return found


SUITE = Suite(
    name="allauth",
    archive="django-allauth==65.22.1",
    needs=(
        "django==5.2.19", "argon2-cffi==25.1.0", "asgiref==3.13.0", "bcrypt==5.0.0",
        "django-ninja==1.7.1", "djangorestframework==3.18.3", "fido2==2.2.1", "oauthlib==4.0.1",
        "pillow==13.0.0", "psycopg[binary]==3.3.9", "pytest==9.2.0", "pytest-asyncio==1.3.0",
        "pytest-django==4.14.0", "python3-openid==3.2.0", "pyyaml==6.0.4", "qrcode==8.2",
        "requests==2.34.2",
    ),
    run=run,
    explained=_explained(),
)  # fmt: skip
