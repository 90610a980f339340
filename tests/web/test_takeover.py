"""What the manager does with legacy cookies: once, never beside its own, never after the end."""

from __future__ import annotations

import json
import logging
import re
from base64 import b64encode
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

import itsdangerous
import msgspec
import pytest

from tests.conftest import NOW
from tests.legacy.test_express import express_cookies
from tests.legacy.test_flask import flask_cookie
from tokensession import (
    ConfigError,
    Cookie,
    Header,
    KeyRing,
    Policy,
    SessionCodec,
    SessionManager,
)
from tokensession.legacy.express import ExpressReader
from tokensession.legacy.starlette import StarletteReader

if TYPE_CHECKING:
    from tokensession.web.request_session import RequestSession

SECRET = "the old secret"
RING = KeyRing.generate()
POLICY = Policy(idle_timeout=1800, absolute_timeout=8 * 3600, longest=30 * 86400)
CODEC: SessionCodec[Any] = SessionCodec(RING, policy=POLICY)
UNTIL = NOW + 86400
DELETED = (
    "=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; Secure; HttpOnly; SameSite=Lax"
)


class SignerAt(itsdangerous.TimestampSigner):
    """Starlette's signer, at a given second."""

    at = NOW

    def get_timestamp(self) -> int:
        """Return that second."""
        return self.at


def cookie_at(at: int, state: Any = None, secret: str = SECRET) -> str:
    """Return the value that Starlette would have set at a second."""
    signer = SignerAt(secret)
    signer.at = at
    state = {"user_id": 42, "cart": ["tea"]} if state is None else state
    return signer.sign(b64encode(json.dumps(state).encode())).decode()


def reader(secret: str = SECRET, **options: Any) -> StarletteReader:
    """Return a reader of Starlette's cookies that is on until tomorrow."""
    given = {"until": UNTIL, "subject": lambda state: state.get("user_id"), **options}
    return StarletteReader(secret, **given)


def manager(*readers: Any, codec: Any = CODEC, cookie: Any = None) -> SessionManager[Any]:
    """Return a manager with legacy readers, one for Starlette by default."""
    return SessionManager(codec, cookie=cookie, legacy=readers or (reader(),))


class Browser:
    """Keeps cookies as a browser does, and sends them to a manager at given times."""

    def __init__(self, served_by: SessionManager[Any], **cookies: str) -> None:
        self.served_by = served_by
        self.cookies = dict(cookies)
        self.set: list[str] = []
        self.session: RequestSession[Any]

    def request(self, work: Any = lambda session: session.sid, *, now: int = NOW) -> Any:
        """Send a request whose handler does `work`, and take what its response sets."""
        text = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self.session = self.served_by.open([(b"cookie", text.encode())] if text else [], now=now)
        given = work(self.session)
        headers: list[tuple[bytes, bytes]] = []
        self.served_by.save(self.session, headers, now=now)
        self.set = [value.decode() for name, value in headers if name == b"set-cookie"]
        for line in self.set:
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0]
            self.cookies.pop(name, None)
            if value:
                self.cookies[name] = value
        return given


def sign_out(session: Any) -> None:
    """Do what a sign-out route does."""
    session.clear()


def test_a_legacy_session_is_carried_over() -> None:
    """State, subject and start are its own; the answer is our cookie, and the old one goes."""
    value = cookie_at(NOW - 600)
    browser = Browser(manager(), session=value)
    assert browser.request(dict) == {"user_id": 42, "cart": ["tea"]}
    assert [line.partition("=")[0] for line in browser.set] == ["__Host-session", "session"]
    assert browser.set[1] == f"session{DELETED}"
    session = CODEC.decode(browser.cookies["__Host-session"], now=NOW)
    assert (session.subject, session.started_at, session.issued_at) == (42, NOW - 600, NOW)
    assert session.ttl == 1800
    assert browser.request(dict, now=NOW + 60) == {"user_id": 42, "cart": ["tea"]}
    assert browser.set == []


def test_when_a_legacy_session_authenticated_is_not_known() -> None:
    """It is fresh for no view, however young, until its subject authenticates here."""
    browser = Browser(manager(), session=cookie_at(NOW))
    seen = lambda session: (session.authenticated_at, session.is_fresh(9999), session.signers)  # noqa: E731
    assert browser.request(seen) == (None, False, ())
    assert browser.request(seen, now=NOW + 1) == (None, False, ())
    browser.request(lambda session: session.update(n=1), now=NOW + 2)
    assert browser.request(seen, now=NOW + 3) == (None, False, ())
    browser.request(lambda session: session.reauthenticate(), now=NOW + 4)
    assert browser.request(seen, now=NOW + 5) == (NOW + 4, True, ())


@pytest.mark.parametrize("changed", [False, True])
def test_what_is_still_to_be_written_is_no_change(*, changed: bool) -> None:
    """A WebSocket that is refused loses nothing of a session that it has only read."""
    session = manager().open([(b"cookie", f"session={cookie_at(NOW)}".encode())], now=NOW)
    assert session["cart"] == ["tea"]
    if changed:
        session["cart"].append("coffee")
    assert manager().is_changed(session) is changed


def test_the_session_id_is_a_digest_of_what_was_signed() -> None:
    """The session id is a digest of the signed text, so copies of a cookie are one session."""
    value = cookie_at(NOW)
    signed = value.rpartition(".")[0].encode()
    expected = sha256(b"tokensession/v1/legacy\0" + signed).digest()[:16]
    assert Browser(manager(), session=value).request() == expected
    assert Browser(manager(), session=cookie_at(NOW - 1)).request() != expected


def test_untouched_it_stays() -> None:
    """A request that never asks for the session takes nothing over."""
    browser = Browser(manager(), session=cookie_at(NOW))
    browser.request(lambda session: None)
    assert browser.set == []


def test_off_unless_configured() -> None:
    """Without readers an old cookie is ignored."""
    browser = Browser(SessionManager(CODEC), session=cookie_at(NOW))
    assert browser.request(dict) == {}
    assert browser.session.refused is None
    assert browser.set == []


def test_until_its_day_and_no_longer() -> None:
    """The last second counts; from `until` on the old cookie is neither read nor deleted."""
    for now, state in ((UNTIL - 1, {"a": 1}), (UNTIL, {}), (UNTIL + 1, {})):
        browser = Browser(manager(), session=cookie_at(UNTIL - 60, {"a": 1}))
        assert browser.request(dict, now=now) == state
        assert browser.session.refused is None
        assert len(browser.set) == (2 if state else 0)


@pytest.mark.parametrize("own", ["valid", "expired", "forged", "empty"])
def test_no_downgrade(own: str) -> None:
    """Beside a cookie of ours, good or bad, the old one counts for nothing."""
    token = CODEC.encode({"ours": True}, now=NOW - (3600 if own == "expired" else 0))
    value = {"forged": token[:-2] + "AA", "empty": ""}.get(own, token)
    browser = Browser(manager(), **{"__Host-session": value, "session": cookie_at(NOW)})
    assert browser.request(dict) == ({"ours": True} if own == "valid" else {})
    assert (browser.session.refused is None) is (own == "valid")
    assert browser.set == []


@pytest.mark.parametrize(
    ("age", "cap", "taken"),
    [
        (8 * 3600 - 1, None, True), (8 * 3600, None, False), (8 * 3600 + 1, None, False),
        (8 * 3600, 9 * 86400, True), (9 * 86400 - 1, 9 * 86400, True),
        (9 * 86400, 9 * 86400, False), (-60, None, True), (-61, None, False),
    ],
)  # fmt: skip
def test_the_limit_holds_from_its_start(age: int, cap: int | None, *, taken: bool) -> None:
    """The policy's, or the reader's cap; and it must not begin beyond the leeway."""
    browser = Browser(manager(reader(cap=cap)), session=cookie_at(NOW - age, {"a": 1}))
    assert browser.request(dict) == ({"a": 1} if taken else {})
    assert browser.session.refused == (None if taken else "expired" if age > 0 else "not_yet_valid")
    if taken:
        end = min(1800, (cap or 8 * 3600) - age) if age > 0 else 1800
        assert browser.session.ttl == end
    else:
        assert browser.set == []


def test_refusals_are_told_by_their_code(caplog: pytest.LogCaptureFixture) -> None:
    """The application and the log at DEBUG get the refusal's code, and the old cookie stays."""
    caplog.set_level(logging.DEBUG, "tokensession")
    for value, code in (
        (cookie_at(NOW, secret="another"), "bad_signature"),
        ("x" * 9000, "malformed"),
        (cookie_at(NOW, "no object"), "bad_claims"),
        (cookie_at(NOW - 15 * 86400), "expired"),
    ):
        caplog.clear()
        browser = Browser(manager(), session=value)
        assert browser.request(dict) == {}
        assert browser.session.refused == code
        assert browser.set == []
        assert [record.getMessage() for record in caplog.records] == [
            f"legacy cookie refused: {code}"
        ]


def test_after_sign_out_the_old_cookie_signs_nobody_in() -> None:
    """Whether it was taken over before, in the same request, or not at all."""
    for keep in (False, True):
        for steps in ((), (dict,)):
            served_by = manager(reader(keep_cookie=keep))
            browser = Browser(served_by, session=cookie_at(NOW))
            for step in steps:
                browser.request(step)
            browser.request(sign_out, now=NOW + 1)
            assert browser.cookies == {}
            assert browser.request(dict, now=NOW + 2) == {}


def test_sign_out_deletes_an_old_cookie_that_was_refused() -> None:
    """Another process, with another secret or clock, might take it."""
    browser = Browser(manager(), session=cookie_at(NOW, secret="a newer one"))
    browser.request(sign_out)
    assert browser.cookies == {}


def test_signing_in_again_deletes_it() -> None:
    """A sign-in deletes the old cookie, also with `keep_cookie=True`."""
    for keep in (False, True):
        browser = Browser(manager(reader(keep_cookie=keep)), session=cookie_at(NOW))
        old = browser.request()
        browser.request(lambda session: session.sign_in("ada"), now=NOW + 1)
        assert set(browser.cookies) == {"__Host-session"}
        assert browser.session.given_up[-1] == old


def test_kept_for_a_rolling_deploy() -> None:
    """The old cookie stays beside ours until the session ends, for processes that know no other."""
    browser = Browser(manager(reader(keep_cookie=True)), session=cookie_at(NOW))
    browser.request(dict)
    browser.request(lambda session: session.update(more=1), now=NOW + 1)
    assert set(browser.cookies) == {"__Host-session", "session"}
    browser.request(lambda session: session.state.clear(), now=NOW + 2)
    assert set(browser.cookies) == {"__Host-session", "session"}  # the subject is still there
    browser.request(sign_out, now=NOW + 3)
    assert browser.cookies == {}


def test_idle_sessions_end_although_there_was_an_old_cookie() -> None:
    """Ours goes by its Max-Age; the old one is not there to bring the session back."""
    browser = Browser(manager(), session=cookie_at(NOW))
    browser.request(dict)
    del browser.cookies["__Host-session"]
    assert browser.request(dict, now=NOW + 1801) == {}


def test_deletion_matches_domain_and_path() -> None:
    """Those that the old library set; else it would stay."""
    old = reader(cookie_name="old", domain="example.org", path="/shop")
    browser = Browser(manager(old), old=cookie_at(NOW))
    browser.request(dict)
    assert browser.set[1].startswith("old=; Max-Age=0;")
    assert "; Path=/shop; Domain=example.org; Secure" in browser.set[1]
    plain = Cookie(name="tokens", http_development=True)
    browser = Browser(
        manager(codec=SessionCodec(RING, context="tokens", policy=POLICY), cookie=plain),
        session=cookie_at(NOW),
    )
    browser.request(dict)
    assert all("Secure" not in line for line in browser.set)


def test_an_empty_session_leaves_nothing() -> None:
    """An old session without state and subject is only deleted."""
    browser = Browser(manager(), session=cookie_at(NOW, {}))
    assert browser.request(dict) == {}
    assert browser.cookies == {}


def test_of_two_good_ones_neither_is_taken() -> None:
    """None could be told to be the browser's own; of a good and a bad one, the good is."""
    served_by = manager()
    good, other = cookie_at(NOW, {"a": 1}), cookie_at(NOW, {"b": 1})
    for values, state, refused in (
        ((good, other), {}, "malformed"),
        ((good, "bad"), {"a": 1}, None),
        (("bad", good), {"a": 1}, None),
        (("1", "2", "3", "4", good), {}, "malformed"),
        ((good, "1", "2", "3", "4"), {}, "malformed"),
    ):
        text = "; ".join(f"session={value}" for value in values)
        session = served_by.open([(b"cookie", text.encode())], now=NOW)
        assert (dict(session), session.refused) == (state, refused)


def test_several_readers() -> None:
    """Each finds its own cookie, in any order of the readers."""
    flask = flask_cookie({"a": 1})
    for readers in ((reader(), reader("2nd")), (reader("2nd"), reader())):
        browser = Browser(manager(*readers), session=cookie_at(NOW, {"a": 1}))
        assert browser.request(dict) == {"a": 1}
        browser = Browser(manager(*readers), session=flask.decode())
        assert browser.request(dict) == {}
        assert browser.session.refused == "bad_signature"


def test_express_needs_both_of_its_cookies() -> None:
    """Express's session needs both of its cookies, and both are deleted afterwards."""
    express = ExpressReader("k", until=UNTIL, since=NOW - 60, subject=lambda state: state["u"])
    good = express_cookies({"u": 1}, "k")
    browser = Browser(manager(express), **good)
    assert browser.request(dict) == {"u": 1}
    assert browser.session.started_at == NOW - 60
    assert set(browser.cookies) == {"__Host-session"}
    for name, value in good.items():
        browser = Browser(manager(express), **{name: value})
        assert browser.request(dict) == {}
        assert browser.session.refused == ("bad_signature" if name == "session" else None)


def _fail(state: Any) -> Any:
    """Fail as an assertion of the application does."""
    raise AssertionError(state)


@pytest.mark.parametrize(
    ("convert", "says"),
    [
        (lambda state: {**state, "id": UUID(int=7)}, r"state\.id: msgpack has no UUID"),
        (lambda state: {"deep": {"big": 2**53}}, r"state\.deep\.big: the integer is beyond"),
        (lambda state: {"k": {1: "secret value"}}, r"state\.k: a key is of type int"),
        (lambda state: {"k": float("nan")}, r"state\.k: NaN"),
        (lambda state: {"__proto__": "secret value"}, "__proto__"),
        (lambda state: {"text": "secret value" * 400}, "4[0-9]{3}|[5-9][0-9]{3}"),
        (lambda state: state["secret value"], "subject or convert raised a KeyError"),
        (_fail, "subject or convert raised a AssertionError"),
        (lambda state: state.secret_value, "subject or convert raised a AttributeError"),
    ],
)
def test_what_a_session_cannot_hold_is_refused(
    convert: Any, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A value that a session cannot hold refuses the cookie; a WARNING names only its path."""
    browser = Browser(manager(reader(convert=convert)), session=cookie_at(NOW))
    assert browser.request(dict) == {}
    assert browser.session.refused == "bad_state"
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert record.getMessage().startswith("StarletteReader: legacy session not taken over: ")
    assert re.search(says, record.getMessage())
    assert "secret value" not in record.getMessage()
    assert record.exc_info is None


@pytest.mark.parametrize("subject", [True, 1.5, b"x", [], 2**53, "\ud800"])
def test_a_subject_is_a_str_or_an_int(subject: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What is neither refuses the session, with a WARNING."""
    browser = Browser(manager(reader(subject=lambda state: subject)), session=cookie_at(NOW))
    assert browser.request(dict) == {}
    assert browser.session.refused == "bad_state"
    assert "subject" in caplog.text


def test_subject_sees_the_state_before_convert() -> None:
    """`subject` gets the state before `convert`, which can drop the user's id."""
    old = reader(subject=lambda state: str(state["user_id"]), convert=lambda state: {"v": 2})
    browser = Browser(manager(old), session=cookie_at(NOW))
    assert browser.request(dict) == {"v": 2}
    assert browser.session.subject == "42"


class Visit(msgspec.Struct):
    """A state with a type."""

    user_id: int = 0
    cart: list[str] = []


def test_a_typed_state() -> None:
    """What fits the type becomes one of it; what does not is refused."""
    codec = SessionCodec(RING, policy=POLICY, state_type=Visit)
    browser = Browser(manager(codec=codec), session=cookie_at(NOW))
    assert browser.request(lambda session: session.state) == Visit(42, ["tea"])
    browser = Browser(manager(codec=codec), session=cookie_at(NOW, {"user_id": "x"}))
    assert browser.request(lambda session: session.state) == Visit()
    assert browser.session.refused == "bad_state"


def test_a_key_that_can_sign_is_needed() -> None:
    """A ring that can only read is an error at once; one of expired keys takes nothing over."""
    ring = KeyRing.generate("Ed25519").reader()
    with pytest.raises(ConfigError, match="can only read"):
        manager(codec=SessionCodec(ring, policy=POLICY))
    document = KeyRing.generate().to_jwks(private=True)
    document["keys"][0]["exp"] = NOW
    codec: SessionCodec[Any] = SessionCodec(KeyRing.from_jwks(document))
    browser = Browser(manager(codec=codec), session=cookie_at(NOW))
    assert browser.request(dict) == {}
    assert browser.session.refused == "unknown_key"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"cookie": Header(context="session")}, "Header"),
        ({"cookie": Cookie(name="session", http_development=True)}, "name of a legacy cookie"),
        ({"readers": ("session",)}, "not str"),
        ({"readers": (reader(cap=31 * 86400),)}, "longest"),
        ({"readers": (reader(cookie_name="a b"),)}, "invalid cookie name"),
        ({"readers": (reader(domain="a/b"),)}, "domain"),
    ],
)
def test_what_cannot_work_is_an_error(options: dict[str, Any], says: str) -> None:
    """At once, where the manager is made."""
    with pytest.raises(ConfigError, match=says):
        manager(*options.get("readers", ()), cookie=options.get("cookie"))


def test_a_cookie_made_on_the_day_of_the_change_is_read_with_a_date() -> None:
    """`until` as most will write it."""
    browser = Browser(manager(reader(until=date(2027, 1, 1))), session=cookie_at(NOW))
    assert browser.request(dict) == {"user_id": 42, "cart": ["tea"]}
