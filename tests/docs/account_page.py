"""The applications of docs/accounts.md, started as the page says."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.docs.pages import PAGES, blocks, patched, started
from tokensession import KeyRing, SessionCodec, stores

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXT = PAGES["docs/accounts.md"].read_text()
(TEMPLATE,) = blocks(TEXT, "html")
SHARED, FASTAPI, FLASK, DJANGO, AUDIT = (
    text for text in blocks(TEXT, "python") if not text.startswith(">>>")
)
(SETTINGS,) = blocks(TEXT, "diff")
PROGRAMS = {"FastAPI": FASTAPI, "Flask": FLASK, "Django": DJANGO}
STARTS = {
    "FastAPI": "uvicorn shop:app",
    "Flask": "flask --app shop run",
    "Django": "python manage.py runserver --noreload",
}
PASSWORD = "correct horse"  # the page's

USERS = f"""
import django
django.setup()
from django.contrib.auth import get_user_model
from django.core.management import call_command
call_command("migrate", verbosity=0)
for name in ("ada", "bob"):
    get_user_model().objects.create_superuser(name, password={PASSWORD!r})
"""
# Slow hashes are no part of this.
FAST = '\nPASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]\n'


@contextmanager
def serving(framework: str, folder: Path) -> Iterator[str]:
    """Start the page's application for a framework; give its address."""
    if framework == "Django":
        _start_project(folder)
    else:
        (folder / "shop.py").write_text(PROGRAMS[framework])
    (folder / "account.py").write_text(SHARED)
    (folder / "templates").mkdir()
    (folder / "templates" / "account.html").write_text(TEMPLATE)
    if framework == "Django":
        _run(folder, "-c", USERS)
    with started(STARTS[framework], folder) as client:
        yield str(client.base_url)


def _start_project(folder: Path) -> None:
    _run(folder, "-m", "django", "startproject", "shop", ".")
    settings = folder / "shop" / "settings.py"
    settings.write_text(patched(settings.read_text(), SETTINGS) + FAST)
    (folder / "shop" / "urls.py").write_text(DJANGO)


def _run(folder: Path, *command: str) -> None:
    subprocess.run(  # noqa: S603  # our own text
        [sys.executable, "-W", "ignore", *command], cwd=folder, check=True, timeout=300,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "shop.settings"},
    )  # fmt: skip


def aged(folder: Path, token: str, now: int) -> str:
    """Return the token of a session like that of another token, but begun at another moment."""
    store = stores.connect(f"sqlite:///{folder / 'sessions.db'}")
    codec: SessionCodec[Any] = SessionCodec(
        KeyRing.open(folder / "session-keys.json"),
        revocation=store.revocations(),
        directory=store.directory(),
    )
    found = codec.decode(token)
    older = codec.encode(dict(found.state), subject=found.subject, now=now)
    store.close()
    return older
