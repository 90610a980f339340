"""Overflow over HTTP: large states have small cookies, and event loops do not wait."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NOW
from tokensession import (
    ConfigError,
    Cookie,
    Header,
    KeyRing,
    Overflow,
    Policy,
    SessionCodec,
    SessionManager,
    SessionTooLarge,
    StateError,
    StoreError,
)
from tokensession.adapters.asgi import SessionMiddleware
from tokensession.stores.memory.revocation import MemoryStore as RevocationStore

from .test_codec import Watched, large

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from tokensession.revocation.decision import Denial, Ended
    from tokensession.web.cookies import Headers
    from tokensession.web.request_session import RequestSession

POLICY = Policy(idle_timeout=1800, absolute_timeout=7200)


class Threads(Watched):
    """A watched store that notes in which thread it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()

    def _called(self, name: str) -> None:
        self.threads.add(threading.get_ident())
        super()._called(name)


@pytest.fixture
def watched() -> Threads:
    """Give an empty store."""
    return Threads()


@pytest.fixture
def manager(hs256: KeyRing, watched: Threads) -> SessionManager[Any]:
    """Give a manager with that store."""
    return SessionManager(SessionCodec(hs256, policy=POLICY, overflow=Overflow(watched)))


class Browser:
    """Sends back the cookie that it was given last."""

    def __init__(self, manager: SessionManager[Any]) -> None:
        self.manager = manager
        self.cookie = b""

    @property
    def headers(self) -> Headers:
        """What it sends."""
        return [(b"cookie", self.cookie)] if self.cookie else []

    def ask(
        self, page: Callable[[RequestSession[Any]], object], now: int = NOW
    ) -> dict[bytes, bytes]:
        """Let a page handle a request, and return the response's headers."""
        session = self.manager.open(self.headers, now=now)
        page(session)
        headers: Headers = []
        self.manager.save(session, headers, now=now)
        found = dict(headers)
        if b"set-cookie" in found:
            self.cookie = found[b"set-cookie"].partition(b";")[0]
        return found


@pytest.fixture
def browser(manager: SessionManager[Any]) -> Browser:
    """Give a browser without a cookie."""
    return Browser(manager)


def nothing(session: RequestSession[Any]) -> None:
    """Read it, and change nothing."""
    assert session["user_id"] == 42


def test_a_large_state_has_a_small_cookie(browser: Browser, watched: Threads) -> None:
    """It is read, and not written again as long as nothing changes."""
    browser.ask(lambda session: session.update(large()))
    assert len(browser.cookie) < 400
    assert b"set-cookie" not in browser.ask(nothing)
    assert watched.calls == ["put", "get"]


def test_it_overflows_where_browsers_would_drop_the_cookie(
    hs256: KeyRing, watched: Threads
) -> None:
    """Name and value of 4096 bytes fit; the least that does not goes to the store."""
    name = "__Host-a-rather-long-name-of-a-cookie"
    context = Cookie(name=name).context
    plain: SessionCodec[Any] = SessionCodec(hs256, context=context, policy=POLICY)
    codec: SessionCodec[Any] = SessionCodec(
        hs256, context=context, policy=POLICY, overflow=Overflow(watched)
    )

    def page(size: int) -> Callable[[RequestSession[Any]], object]:
        return lambda session: session.update(data=bytes(size))

    for size in range(2880, 3010):
        browser = Browser(SessionManager(codec, cookie=Cookie(name=name)))
        without = Browser(SessionManager(plain, cookie=Cookie(name=name)))
        watched.calls.clear()
        browser.ask(page(size))
        try:
            without.ask(page(size))
        except SessionTooLarge:
            assert watched.calls == ["put"]
            assert len(browser.cookie) < 400
        else:
            assert watched.calls == []
            assert len(browser.cookie) - 1 <= 4096


def test_nested_changes_count(browser: Browser) -> None:
    """Nested changes count in a state from a store, too."""
    browser.ask(lambda session: session.update(large()))
    first = browser.cookie
    browser.ask(lambda session: session["cart"].append(b"more"))
    assert browser.cookie != first
    browser.ask(lambda session: session["cart"].remove(b"more"))
    assert b"set-cookie" not in browser.ask(nothing)


def test_renewal_extends_the_entry(browser: Browser, watched: Threads) -> None:
    """It is due by the same rules, and the state is not sent again."""
    browser.ask(lambda session: session.update(large()))
    assert b"set-cookie" not in browser.ask(nothing, NOW + 899)
    assert b"set-cookie" in browser.ask(nothing, NOW + 900)
    assert watched.calls == ["put", "get", "get", "keep"]
    watched.sweep(now=NOW + 2699)
    browser.ask(nothing, NOW + 2699)


def test_a_lost_entry_is_a_refusal_and_leaves_the_cookie(
    browser: Browser, watched: Threads
) -> None:
    """The session is empty and says why; reading deletes nothing."""
    browser.ask(lambda session: session.update(large()))
    watched._entries.clear()
    seen: list[object] = []
    headers = browser.ask(lambda session: seen.append((session.refused, dict(session))))
    assert seen == [("bad_state", {})]
    assert b"set-cookie" not in headers


def test_signing_out_removes_the_entry(browser: Browser, watched: Threads) -> None:
    """Signing out removes the entry with the cookie, so a copied cookie cannot read it."""
    browser.ask(lambda session: session.update(large()))
    former = browser.cookie
    headers = browser.ask(lambda session: session.clear())
    assert b"Max-Age=0" in headers[b"set-cookie"]
    assert watched._entries == {}
    browser.cookie = former
    seen: list[object] = []
    browser.ask(lambda session: seen.append(session.refused))
    assert seen == ["bad_state"]


def test_signing_out_holds_where_the_entry_cannot_be_removed(
    browser: Browser, watched: Threads, caplog: pytest.LogCaptureFixture
) -> None:
    """It is left to its end, with a warning."""

    def page(session: RequestSession[Any]) -> None:
        session.clear()
        watched.down = True

    browser.ask(lambda session: session.update(large()))
    assert b"Max-Age=0" in browser.ask(page)[b"set-cookie"]
    assert len(watched._entries) == 1
    assert "stays until it expires" in caplog.text


@pytest.mark.parametrize(
    ("verb", "kept"),
    [
        (lambda session: session.sign_in("bob"), 0),
        (lambda session: session.sign_in("ada"), 1),
        (lambda session: session.regenerate(), 1),
        (lambda session: session.update(user_id=7), 1),
    ],
    ids=["over another", "again", "regenerate", "change"],
)
def test_the_former_entry_goes_with_its_session(
    manager: SessionManager[Any],
    watched: Threads,
    verb: Callable[[RequestSession[Any]], object],
    kept: int,
) -> None:
    """It stays for requests with the former token, unless another subject signs in."""
    browser = Browser(manager)

    def sign_in(session: RequestSession[Any]) -> None:
        session.sign_in("ada")
        session.update(large())

    browser.ask(sign_in)
    former = set(watched._entries)
    browser.ask(verb)
    assert len(former & set(watched._entries)) == kept


def test_an_entry_whose_token_is_not_sent_is_removed(hs256: KeyRing, watched: Threads) -> None:
    """An entry is removed if its token is not sent, because no request can name it."""
    revocations = Denials()
    manager: SessionManager[Any] = SessionManager(
        hs256, policy=POLICY, overflow=watched, revocation=revocations
    )
    token = manager.codec.encode({"a": 1}, subject="ada", now=NOW)
    session = manager.open([(b"cookie", f"__Host-session={token}".encode())], now=NOW)
    session.update(large())
    session.regenerate()
    revocations.down = True
    with pytest.raises(StoreError):
        manager.save(session, [], now=NOW)
    assert (watched.calls, watched._entries) == (["put", "delete"], {})


def test_a_failed_response_leaves_the_entry_of_the_cookie(hs256: KeyRing, watched: Threads) -> None:
    """The session goes on as it was."""
    revocations = Denials()
    manager: SessionManager[Any] = SessionManager(
        hs256, policy=POLICY, overflow=watched, revocation=revocations
    )
    browser = Browser(manager)
    browser.ask(lambda session: session.update(large()))
    revocations.down = True
    with pytest.raises(StoreError):
        browser.ask(lambda session: session.regenerate())
    revocations.down = False
    browser.ask(nothing)
    assert len(watched._entries) == 1


def test_an_entry_is_not_written_where_no_reference_fits(
    browser: Browser, watched: Threads
) -> None:
    """The subject takes all of the room."""

    def page(session: RequestSession[Any]) -> None:
        session.sign_in("a" * 4000)
        session.update(large())

    with pytest.raises(SessionTooLarge):
        browser.ask(page)
    assert watched.calls == []


@pytest.mark.parametrize("state", [None, {"bad": {1, 2}}, {"a": 1}], ids=["none", "bad", "small"])
@pytest.mark.parametrize("subject", [None, "ada"])
def test_a_sign_out_removes_the_entry_whatever_follows(
    browser: Browser, watched: Threads, subject: str | None, state: dict[str, Any] | None
) -> None:
    """The next state is another session's, and can be none that is written."""

    def sign_in(session: RequestSession[Any]) -> None:
        if subject is not None:
            session.sign_in(subject)
        session.update(large())

    def sign_out(session: RequestSession[Any]) -> None:
        session.clear()
        session.update(state or {})

    browser.ask(sign_in)
    assert len(watched._entries) == 1
    with contextlib.suppress(StateError):
        browser.ask(sign_out)
    assert watched._entries == {}


def test_a_sign_out_that_is_not_recorded_leaves_the_entry(hs256: KeyRing, watched: Threads) -> None:
    """The session may live on, and the request is repeated."""
    revocations = Denials()
    browser = Browser(
        SessionManager(hs256, policy=POLICY, overflow=watched, revocation=revocations)
    )
    browser.ask(lambda session: session.update(large()))
    revocations.down = True
    with pytest.raises(StoreError):
        browser.ask(lambda session: session.clear())
    assert len(watched._entries) == 1


def test_revoking_a_session_removes_its_entry(hs256: KeyRing, watched: Threads) -> None:
    """Revoking a session removes its entry, and no token of the session is accepted."""
    codec: SessionCodec[Any] = SessionCodec(
        hs256, policy=POLICY, overflow=watched, revocation=RevocationStore()
    )
    session = codec.decode(codec.encode(large(), now=NOW), now=NOW)
    other = codec.decode(codec.encode({"small": 1}, now=NOW), now=NOW)
    for one in (other, session, session):
        codec.revoke(one, now=NOW)
    assert watched._entries == {}


class Denials(RevocationStore):
    """A store of revocations that notes what it denied, and can be down."""

    def __init__(self) -> None:
        super().__init__()
        self.denied: list[tuple[bytes, int | None]] = []
        self.down = False

    def deny(self, denial: Denial, *, now: int) -> Ended:
        """Note the call; fail where it is down."""
        if self.down:
            raise StoreError("down")
        self.denied.append((denial.sid, denial.started_at))
        return super().deny(denial, now=now)

    def replace(self, denial: Denial, new: bytes, *, now: int) -> Ended:
        """Fail where it is down."""
        if self.down:
            raise StoreError("down")
        return super().replace(denial, new, now=now)


@pytest.mark.parametrize("lost", [False, True], ids=["of another type", "lost"])
def test_a_session_whose_state_cannot_be_read_can_be_ended(
    hs256: KeyRing, watched: Threads, *, lost: bool
) -> None:
    """A session whose state is unreadable has its id and its start, also after renewals."""
    revocations = Denials()
    codec: SessionCodec[Any] = SessionCodec(
        hs256, policy=POLICY, overflow=watched, revocation=revocations
    )
    state = large() if lost else {"n": "x"}
    session = codec.decode(codec.encode(state, subject="eve", now=NOW), now=NOW)
    token = codec.renew(session, now=NOW + 100)
    watched._entries.clear()
    strict = SessionManager(
        hs256, policy=POLICY, overflow=watched, revocation=revocations, state_type=dict[str, int]
    )
    refused = strict.open([(b"cookie", f"__Host-session={token}".encode())], now=NOW + 100)
    assert refused.refused == "bad_state"
    refused.sign_in("ada")
    strict.save(refused, [], now=NOW + 100)
    assert revocations.denied == [(session.sid, NOW)]


def test_check_removes_nothing(browser: Browser, watched: Threads) -> None:
    """Only the response that deletes the cookie does."""

    def page(session: RequestSession[Any]) -> None:
        state = dict(session)
        session.clear()
        session.check()
        assert "delete" not in watched.calls
        session.state = state

    browser.ask(lambda session: session.update(large()))
    browser.ask(page)
    browser.ask(nothing)


def test_what_is_too_large_for_the_store_names_the_largest_keys(browser: Browser) -> None:
    """The error of a state beyond the store's limit names the limit and the largest keys."""
    with pytest.raises(
        SessionTooLarge, match=r"limit is 1000000: keep .* \(largest: 'data' 2000005 bytes"
    ):
        browser.ask(lambda session: session.update(data=bytes(2_000_000), small=1))


@pytest.mark.parametrize("signed_out", [False, True])
def test_a_state_that_cannot_be_written_closes_the_session(
    hs256: KeyRing, watched: Threads, *, signed_out: bool
) -> None:
    """A later change could not be carried any more; who has signed out has no cookie left."""
    codec: SessionCodec[Any] = SessionCodec(hs256, policy=POLICY, overflow=Overflow(watched))
    manager = SessionManager(codec)
    cookie = f"__Host-session={codec.encode({'a': 1}, now=NOW)}"
    session = manager.open([(b"cookie", cookie.encode())], now=NOW)
    if signed_out:
        session.clear()
    session.update(large())
    watched.down = True
    response: Headers = []
    with pytest.raises(StoreError):
        manager.save(session, response, now=NOW)
    deleted = manager.cookie.delete() in response
    assert (session.closed, deleted) == (True, signed_out)
    assert (b"cache-control", b"no-store") in response or not signed_out
    with pytest.raises(ConfigError, match="the response has begun"):
        session["a"] = 2


def test_check_says_it_early_and_writes_once(browser: Browser, watched: Threads) -> None:
    """What check has written is not written again when the response begins."""

    def page(session: RequestSession[Any]) -> None:
        session.update(large())
        session.check()

    browser.ask(page)
    assert watched.calls == ["put", "keep"]
    browser.ask(nothing)


def test_headers_have_the_room_of_a_token(hs256: KeyRing, watched: Threads) -> None:
    """In a header, a token of 8192 characters fits."""
    codec: SessionCodec[Any] = SessionCodec(hs256, context="api", overflow=Overflow(watched))
    manager: SessionManager[Any] = SessionManager(codec, cookie=Header())
    for size, calls in ((5900, []), (6200, ["put"])):
        session = manager.open([], now=NOW)
        session["data"] = bytes(size)
        headers: Headers = []
        manager.save(session, headers, now=NOW)
        assert watched.calls == calls
        again = manager.open([(b"authorization", b"Bearer " + dict(headers)[b"session-token"])],
                             now=NOW)  # fmt: skip
        assert again["data"] == bytes(size)


# -- event loops -------------------------------------------------------------------------------


def serve(
    manager: SessionManager[Any],
    cookie: bytes,
    page: Callable[[RequestSession[Any]], object],
    run: Callable[[Awaitable[None]], None] | None = None,
) -> Headers:
    """Let a page of an ASGI application handle a request; return the response's headers."""
    sent: list[MutableMapping[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        page(scope["session"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": [(b"cookie", cookie)] if cookie else []}
    answering = SessionMiddleware(app, manager)(scope, receive, send)
    if run is None:
        asyncio.run(answering)
    else:
        run(answering)
    headers: Headers = sent[0]["headers"]
    return headers


def cookie_of(headers: Headers) -> bytes:
    """Return the cookie that a response sets."""
    return dict(headers)[b"set-cookie"].partition(b";")[0]


def test_the_loop_never_waits_for_the_store(manager: SessionManager[Any], watched: Threads) -> None:
    """Reading, writing, renewing and deleting are done in threads."""
    cookie = cookie_of(serve(manager, b"", lambda session: session.update(large())))
    serve(manager, cookie, lambda session: session["cart"])
    cookie = cookie_of(serve(manager, cookie, lambda session: session.update(more=1)))
    serve(manager, cookie, lambda session: session.clear())
    assert watched.calls == ["put", "get", "get", "put", "get", "delete"]
    assert threading.get_ident() not in watched.threads


def test_a_small_state_needs_no_thread(
    manager: SessionManager[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a reference that is met or needed does."""
    monkeypatch.setattr(asyncio, "to_thread", None)
    cookie = cookie_of(serve(manager, b"", lambda session: session.update(user_id=42)))
    serve(manager, cookie, nothing)
    serve(manager, cookie, lambda session: session.update(data=bytes(2000)))
    serve(manager, b"__Host-session=nonsense", lambda session: session.refused)
    serve(manager, b"", lambda session: session.refused)


def test_an_untouched_session_stays_unopened(
    manager: SessionManager[Any], watched: Threads
) -> None:
    """Its state was fetched in vain, but the response neither varies nor fails."""
    cookie = cookie_of(serve(manager, b"", lambda session: session.update(large())))
    assert serve(manager, cookie, lambda _: None) == []
    watched.down = True
    assert serve(manager, cookie, lambda _: None) == []


def test_a_store_that_is_down_is_told_when_the_session_is_asked_for(
    manager: SessionManager[Any], watched: Threads
) -> None:
    """A failing store is a StoreError at the first use, and a 503 that leaves the cookie alone."""
    cookie = cookie_of(serve(manager, b"", lambda session: session.update(large())))
    watched.down = True
    session = manager.open([(b"cookie", cookie)])
    with pytest.raises(StoreError):
        session.get("cart")
    headers = dict(serve(manager, cookie, lambda session: session["cart"]))
    assert headers[b"retry-after"] == b"1"
    assert b"set-cookie" not in headers
    watched.down = False
    serve(manager, cookie, lambda session: session["cart"])


def test_a_state_that_cannot_be_written_is_a_503(
    manager: SessionManager[Any], watched: Threads
) -> None:
    """The client learns that its change is not there, and keeps the session that it had."""
    cookie = cookie_of(serve(manager, b"", lambda session: session.update(large())))

    def page(session: RequestSession[Any]) -> None:
        session["user_id"] = 7
        watched.down = True

    headers = dict(serve(manager, cookie, page))
    assert headers[b"retry-after"] == b"1"
    assert b"set-cookie" not in headers
    watched.down = False
    serve(manager, cookie, nothing)


def test_a_lost_entry_in_a_loop(manager: SessionManager[Any], watched: Threads) -> None:
    """Is a refusal, as elsewhere."""
    cookie = cookie_of(serve(manager, b"", lambda session: session.update(large())))
    watched._entries.clear()
    seen: list[object] = []
    headers = serve(manager, cookie, lambda session: seen.append(session.refused))
    assert seen == ["bad_state"]
    assert b"set-cookie" not in dict(headers)


def test_of_several_cookies_the_one_good_one_counts(
    manager: SessionManager[Any], watched: Threads
) -> None:
    """Of several cookies the only good one counts, also if its state is in the store."""
    one = cookie_of(serve(manager, b"", lambda session: session.update(large())))
    two = cookie_of(serve(manager, b"", lambda session: session.update(large())))
    serve(manager, b"__Host-session=x; " + one, nothing)
    seen: list[object] = []
    serve(manager, two + b"; " + one, lambda session: seen.append(session.refused))
    assert seen == ["malformed"]
    assert threading.get_ident() not in watched.threads


def test_another_kind_of_loop(manager: SessionManager[Any], watched: Threads) -> None:
    """Under another loop than asyncio's the request waits for the store."""

    def run(answering: Awaitable[None]) -> None:
        for _ in answering.__await__():
            raise AssertionError("it waited for something")

    cookie = cookie_of(serve(manager, b"", lambda session: session.update(large()), run))
    serve(manager, cookie, nothing, run)
    assert watched.threads == {threading.get_ident()}


def test_a_request_does_not_hold_up_another(hs256: KeyRing) -> None:
    """While the store lets one wait, the loop serves the other."""
    slow = Threads()
    released = threading.Event()
    codec: SessionCodec[Any] = SessionCodec(hs256, policy=POLICY, overflow=Overflow(slow))
    manager = SessionManager(codec)
    cookie = cookie_of(serve(manager, b"", lambda session: session.update(large())))
    get = slow.get

    def wait(name: bytes) -> bytes | None:
        assert released.wait(60)
        return get(name)

    slow.get = wait  # type: ignore[method-assign]
    order: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        order.append(scope["path"])
        if scope["path"] == "other":
            released.set()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None: ...

    async def both() -> None:
        middleware = SessionMiddleware(app, manager)
        headers = {"slow": [(b"cookie", cookie)], "other": []}
        await asyncio.gather(
            *(
                middleware({"type": "http", "path": path, "headers": headers[path]}, None, send)  # type: ignore[arg-type]
                for path in ("slow", "other")
            )
        )

    asyncio.run(both())
    assert order == ["other", "slow"]
