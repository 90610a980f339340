"""docs/accounts.md does what it says: each application runs over HTTP as the page prints it."""

from __future__ import annotations

import json
import logging
import os
import re
from contextlib import ExitStack, closing
from time import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs.account_page import AUDIT, PASSWORD, PROGRAMS, TEXT, aged, serving
from tests.docs.pages import ROOT
from tests.ecosystem.browsers import Browser
from tokensession import KeyRing, SessionCodec
from tokensession.sessions.events import Event

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

NAME = "__Host-session"
AGENTS = {
    "Firefox on Android": "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0",
    "Chrome on Linux": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36",
    "Edge on Windows": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like "
    "Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
    "Safari on iPhone": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) "
    "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "A browser on a device": "",
}


def sign_in(browser: Browser, password: str = PASSWORD, user: str = "ada") -> httpx.Response:
    """Fill in the form."""
    return browser.fill(browser.get("/sign-in"), {"user": user, "password": password})


def rows(page: httpx.Response) -> list[tuple[str, str]]:
    """Return label and button, or mark, of each row of the page."""
    found = re.findall(
        r"<tr>\s*<td>(.*?)</td>.*?<td>([^<]*|<button.*?)</td>\s*</tr>", page.text, re.DOTALL
    )
    return [(label, re.sub(r'.*value="(\w+)".*', r"\1", cell)) for label, cell in found]


def is_in(browser: Browser) -> bool:
    """Tell whether a browser is signed in."""
    return browser.get("/account").url.path == "/account"


@pytest.mark.parametrize("framework", PROGRAMS)
def test_the_account_page(framework: str, tmp_path: Path, slow: None) -> None:
    """Two browsers of a user see each other, and one ends the other and its copies."""
    with serving(framework, tmp_path) as url, ExitStack() as stack:

        def browser(label: str) -> Browser:
            made = stack.enter_context(closing(Browser(url)))
            made.headers["User-Agent"] = AGENTS[label]
            return made

        phone, laptop, foreign = map(browser, list(AGENTS)[:3])
        assert sign_in(phone, "wrong").status_code == 403
        assert not is_in(phone)
        for one in (phone, laptop):
            assert sign_in(one).url.path == "/account"
        page = laptop.get("/account")
        marks = dict(rows(page))
        other = marks.pop("Firefox on Android")
        assert marks == {"Chrome on Linux": "this device"}

        sign_in(foreign, user="bob")
        foreign.fill(foreign.get("/account"), {"button": other})
        thief = phone.copied()
        assert is_in(phone)
        assert is_in(thief)
        page = laptop.fill(page, {"button": other})
        assert rows(page) == [("Chrome on Linux", "this device")]
        assert not is_in(phone)
        assert not is_in(thief)

        ask_for_the_password(tmp_path, laptop, phone)
        leave(laptop, phone)
        if framework == "FastAPI":  # once: the limit is the store's
            check_the_limit(browser)


def ask_for_the_password(folder: Path, laptop: Browser, phone: Browser) -> None:
    """Ten minutes after its sign-in a browser ends no other, before the password is typed again."""
    sign_in(phone)
    (cookie,) = [one for one in laptop.jar if one.name == NAME]
    cookie.value = aged(folder, cookie.value or "", int(time()) - 600)
    assert laptop.fill(laptop.get("/account"), {"button": "others"}).url.path == "/sign-in"
    assert is_in(phone)
    thief = laptop.copied()
    assert is_in(thief)
    sign_in(laptop)
    assert not is_in(thief)
    assert rows(laptop.fill(laptop.get("/account"), {"button": "others"})) == [
        ("Chrome on Linux", "this device")
    ]
    assert not is_in(phone)


def leave(laptop: Browser, phone: Browser) -> None:
    """A sign-out leaves the list, and ends each copy."""
    sign_in(phone)
    thief = laptop.copied()
    assert laptop.fill(laptop.get("/account"), {"button": "this"}).url.path == "/sign-in"
    assert not is_in(thief)
    assert rows(phone.get("/account")) == [("Firefox on Android", "this device")]


def check_the_limit(browser: Callable[[str], Browser]) -> None:
    """Five sessions of a user live: the sixth sign-in stays, and one of the former ends."""
    labels = [*AGENTS]
    browsers = [browser(label) for label in [*labels, labels[0]]]
    for one in browsers[:-1]:
        sign_in(one, user="eve")
    assert {label for label, _ in rows(browsers[0].get("/account"))} == set(labels)
    sign_in(browsers[-1], user="eve")
    assert is_in(browsers[-1])
    assert sum(map(is_in, browsers)) == len(labels)


def test_the_audit_log(caplog: pytest.LogCaptureFixture) -> None:
    """A line of JSON for each event."""
    caplog.set_level(logging.INFO)
    names: dict[str, Any] = {}
    exec(AUDIT, names)  # noqa: S102  # our own text
    names["AuditLog"]().record(Event("ended", "ada", "ab", 7, "user"))
    assert json.loads(caplog.messages[-1]) == {
        "event": "ended", "by": "user", "subject": "ada", "session": "ab", "at": 7,
    }  # fmt: skip


def test_session_ids_are_random(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way to begin a session takes all 128 bits of its id from the system."""
    codec: SessionCodec[Any] = SessionCodec(KeyRing.generate())
    drawn: list[bytes] = []

    def draw(count: int, /, draw: Callable[[int], bytes] = os.urandom) -> bytes:
        drawn.append(draw(count))
        return drawn[-1]

    monkeypatch.setattr(os, "urandom", draw)
    session = codec.new()
    ids = [session.sid]
    for verb in ("sign_in", "reauthenticate", "regenerate"):
        getattr(session, verb)(*(["ada"] if verb == "sign_in" else []))
        ids.append(session.sid)
    ids.append(codec.decode(codec.encode({})).sid)
    assert len(set(ids)) == 5
    assert all(len(sid) == 16 and any(one[:16] == sid for one in drawn) for sid in ids)


def test_the_table_of_asvs() -> None:
    """It has each requirement of the chapter, and each test that it names is there."""
    numbers = re.findall(r"^\| (7\.\d\.\d) ", TEXT, re.MULTILINE)
    counts = {1: 3, 2: 4, 3: 2, 4: 5, 5: 3, 6: 2}
    assert numbers == [f"7.{part}.{n + 1}" for part, count in counts.items() for n in range(count)]
    cited = re.findall(r"`([\w/]+\.py)::([\w:]+)`", TEXT)
    assert len(cited) > 10
    for file, path in cited:
        source = (ROOT / "tests" / file).read_text()
        *classes, function = path.split("::")
        assert f"def {function}(" in source, f"{file}::{path}"
        assert all(f"class {name}" in source for name in classes), f"{file}::{path}"
    rows = re.findall(r"^\| 7\..*$", TEXT, re.MULTILINE)
    assert all(row.split("|")[4].strip() for row in rows if "| met" in row)
