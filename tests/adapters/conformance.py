"""What every adapter must do in its framework: operations on a session, and the headers.

An adapter's test class inherits `Conformance` (and the further classes that its framework has a
use for), and gives one fixture `site` that serves these paths over a real socket:

- ``/KIND/NAME`` (GET and HEAD) gives `answer_to(of, KIND, NAME, query)`, where ``of`` gives the
  session of a key in `SESSIONS`: ``/op`` is the first, ``/both`` two of them in one request,
- ``/stream/NAME`` (GET and POST) streams what `stream(session, NAME)` yields, a chunk each, with
  the headers of `headers_of(query)`,
- once a response is complete, something of the framework's that runs then calls
  `note_after(of, path)`,
- `Handled` is answered with status 409 by the application's own handler of exceptions.

What a framework cannot do stands in the class's `unable`, and what it does in its own way in its
`notes`, each with the reason; the table in docs/conformance.md is made of them (see `table`).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import queue
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from websockets.sync.client import connect

from tests.overflow.recording import RecordingStore as RecordingOverflow
from tests.revocation.recording import RecordingStore
from tokensession import (
    ConfigError,
    Cookie,
    KeyRing,
    Overflow,
    Policy,
    Revoked,
    SessionCodec,
    SessionManager,
    StateError,
    StoreError,
)
from tokensession.revocation.replica import Replica
from tokensession.stores.memory.directory import MemoryStore as DirectoryStore
from tokensession.web import plain_http

from .foreign import FOREIGN
from .servers import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import httpx
    from websockets.datastructures import Headers

    from .servers import Site

COOKIE, ADMIN_COOKIE, READER_COOKIE = "__Host-session", "__Host-admin", "__Host-reader"
ASKING_COOKIE, FOLLOWING_COOKIE = "__Host-asking", "__Host-following"
OVERFLOWING_COOKIE = "__Host-overflowing"
POLICY = Policy.owasp()


def ring_in_rotation() -> dict[str, KeyRing]:
    """Return a ring with a key in each state, and each key alone, by its state."""
    now = int(time())
    members: dict[str, dict[str, object]] = {
        "retiring": {"nbf": now - 86400, "exp": now + 86400},
        "active": {"nbf": now - 3600},
        "pending": {"nbf": now + 86400},
        "revoked": {"revoked": {"revoked_at": now}},
    }
    rings = {state: KeyRing.generate(kid=f"k-{state}") for state in members}
    keys = [rings[state].to_jwks(private=True)["keys"][0] | members[state] for state in members]
    return rings | {"all": KeyRing.from_jwks({"keys": keys, "serial": 1})}


RINGS = ring_in_rotation()
RING = RINGS["all"]
READER_RING = KeyRing.generate("Ed25519")
CODEC: SessionCodec[Any] = SessionCodec(RING, context="session", policy=POLICY)
ADMIN_CODEC: SessionCodec[Any] = SessionCodec(RING, context="admin", policy=POLICY)
READER_CODEC: SessionCodec[Any] = SessionCodec(READER_RING, context="reader", policy=POLICY)


class Watched:
    """Something that can be down, and notes who calls it.

    Attributes:
        calls: What it was called for.
        in_event_loop: What it was called for where everything else had to wait for it.
    """

    every: ClassVar[tuple[str, ...]]  # what it can be called for

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.in_event_loop: list[str] = []
        self._down: tuple[str, ...] = ()

    @contextlib.contextmanager
    def down(self, *calls: str) -> Iterator[None]:
        """Let these calls fail, or all of them where none is named."""
        self._down = calls or self.every
        try:
            yield
        finally:
            self._down = ()

    def forget(self) -> None:
        """Forget who has called."""
        self.calls.clear()
        self.in_event_loop.clear()

    def _called(self, call: str) -> None:
        self.calls.append(call)
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop()
            self.in_event_loop.append(call)
        if call in self._down:
            raise StoreError("the store is down")


class WatchedStore(Watched, RecordingStore):
    """A store of revocations."""

    every = ("look_up", "deny", "replace", "mark")


class WatchedOverflow(Watched, RecordingOverflow):
    """A store of states that are too large for a cookie."""

    every = ("put", "get", "keep", "delete")


STORE = WatchedStore()
# It has read the store once, and hears of nothing but what goes through it.
REPLICA = Replica(STORE, refresh=10_000, max_staleness=100_000)
REPLICA.read()
ASKING_CODEC: SessionCodec[Any] = SessionCodec(
    RING, context="asking", policy=POLICY, revocation=STORE, directory=DirectoryStore(STORE)
)
FOLLOWING_CODEC: SessionCodec[Any] = SessionCodec(
    RING, context="following", policy=POLICY, revocation=REPLICA
)
OVERFLOW = WatchedOverflow()
OVERFLOWING_CODEC: SessionCodec[Any] = SessionCodec(
    RING, context="overflowing", policy=POLICY, overflow=Overflow(OVERFLOW)
)

# What every application under test serves, by the key under which it finds the session.
SESSIONS: dict[str, SessionManager[Any]] = {
    "session": SessionManager(CODEC),
    "admin": SessionManager(ADMIN_CODEC, cookie=Cookie(name=ADMIN_COOKIE)),
    "reader": SessionManager(
        SessionCodec(READER_RING.reader(), context="reader", policy=POLICY),
        cookie=Cookie(name=READER_COOKIE),
    ),
    "asking": SessionManager(ASKING_CODEC, cookie=Cookie(name=ASKING_COOKIE)),
    "following": SessionManager(FOLLOWING_CODEC, cookie=Cookie(name=FOLLOWING_COOKIE)),
    "overflowing": SessionManager(OVERFLOWING_CODEC, cookie=Cookie(name=OVERFLOWING_COOKIE)),
}
# Those of a framework that has one session: the one beside it is a middleware's.
OWN_SESSIONS = {key: manager for key, manager in SESSIONS.items() if key != "admin"}
OWN_COOKIES = (COOKIE, READER_COOKIE, ASKING_COOKIE, FOLLOWING_COOKIE, OVERFLOWING_COOKIE)
REVOKING = {
    "asking": (ASKING_COOKIE, ASKING_CODEC),
    "following": (FOLLOWING_COOKIE, FOLLOWING_CODEC),
}


def own_session_of(path: str) -> str:
    """Return the key of the session that a path is served with, where there is one for each."""
    key = path.split("/")[1]
    return key if key in OWN_SESSIONS else "session"


ATTRIBUTES = "; Path=/; Secure; HttpOnly; SameSite=Lax"
DELETED_BY = f"=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT{ATTRIBUTES}"

# What a response must say: nothing at all; that it depends on the cookie; and besides, a new one.
UNTOUCHED, READ, SET, DELETED = "untouched", "read", "set", "deleted"

STARTS = ("no cookie", "anonymous", "signed in", "refused")


def fresh_state() -> dict[str, Any]:
    """Return the state that the sessions with a state start from."""
    return {"cart": ["tea"], "n": 1}


def start_cookie(start: str, codec: SessionCodec[Any] = CODEC) -> str | None:
    """Return the token that the request of a start carries."""
    if start == "anonymous":
        return codec.encode(fresh_state())
    if start == "signed in":
        return codec.encode(fresh_state(), subject="42")
    return "refused.cookie.text" if start == "refused" else None


def cookies(token: str | None, name: str = COOKIE) -> tuple[str, ...]:
    """Return the request's Cookie headers."""
    return () if token is None else (f"{name}={token}",)


# -- operations -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Operation:
    """Something that an application does to its session, and what must follow.

    Attributes:
        run: Does it, and returns something that JSON keeps.
        effects: What the response must say, for each of `STARTS`.
        like_a_dict: Whether a dict does the same and is left in the same state.
    """

    run: Callable[[Any], Any]
    effects: tuple[str, str, str, str]
    like_a_dict: bool = True


def reads(run: Callable[[Any], Any], *, like_a_dict: bool = True) -> Operation:
    """Return an operation that only reads."""
    return Operation(run, (READ, READ, READ, READ), like_a_dict)


def shows(run: Callable[[Any], Any]) -> Operation:
    """Return an operation that reads what a dict does not have."""
    return reads(run, like_a_dict=False)


def writes(run: Callable[[Any], Any], *effects: str, like_a_dict: bool = True) -> Operation:
    """Return an operation that changes the state, from any start unless told otherwise."""
    none, anonymous, signed_in, refused = effects or (SET, SET, SET, SET)
    return Operation(run, (none, anonymous, signed_in, refused), like_a_dict)


def _get_item(session: Any) -> Any:
    try:
        return session["n"]
    except KeyError:
        return "KeyError"


def _set_new(session: Any) -> None:
    session["new"] = 1


def _set_same(session: Any) -> None:
    session["n"] = 1


def _set_and_take_back(session: Any) -> None:
    session["new"] = 1
    del session["new"]


def _delete_item(session: Any) -> Any:
    try:
        del session["n"]
    except KeyError:
        return "KeyError"
    return None


def _delete_all(session: Any) -> None:
    for key in list(session):
        del session[key]


def _pop_missing(session: Any) -> Any:
    try:
        return session.pop("missing")
    except KeyError:
        return "KeyError"


def _pop_and_put_back(session: Any) -> None:
    session["n"] = session.pop("n", 1)


def _popitem(session: Any) -> Any:
    try:
        return session.popitem()
    except KeyError:
        return "KeyError"


def _update_in_place(session: Any) -> None:
    session |= {"n": 2, "m": 3}


def _update_in_place_by_nothing(session: Any) -> None:
    session |= {}


def _nested_change(session: Any) -> None:
    session.get("cart", []).append("coffee")


def _nested_change_taken_back(session: Any) -> None:
    cart = session.get("cart", [])
    cart.append("coffee")
    cart.pop()


def _nested_loop(session: Any) -> int:
    return sum(len(value) for value in session.values() if isinstance(value, list))


def _clear_and_write(session: Any) -> None:
    session.clear()
    session["new"] = 1


def _sign_in(session: Any) -> None:
    session.sign_in("42")


def _sign_in_another(session: Any) -> None:
    session.sign_in("43")


def _sign_in_and_out(session: Any) -> None:
    session.sign_in("42")
    session.clear()


def _reauthenticate(session: Any) -> None:
    if session.subject is not None:
        session.reauthenticate()


def _assign_state(session: Any) -> None:
    session.state = {"new": 1}


def _assign_the_same_state(session: Any) -> None:
    session.state = dict(session.state)


def _forbid_renewal(session: Any) -> None:
    session.renewable = False


_LIKE_SET = (SET, READ, READ, SET)  # it changes only what was not there before
_LIKE_REMOVAL = (READ, SET, SET, READ)  # it changes only what was there before
_LIKE_ADDITION = (SET, SET, SET, SET)

OPERATIONS: dict[str, Operation] = {
    "nothing": Operation(lambda _: None, (UNTOUCHED,) * 4),
    "forbid_renewal": Operation(_forbid_renewal, (UNTOUCHED,) * 4, like_a_dict=False),
    "in": reads(lambda s: "n" in s),
    "not_in": reads(lambda s: "missing" not in s),
    "len": reads(len),
    "bool": reads(bool),
    "not": reads(lambda s: not s),
    "iteration": reads(lambda s: list(s)),  # noqa: PLW0108  # iteration is what is tested
    "loop": reads(lambda s: [key for key in s]),  # noqa: C416
    "reversed": reads(lambda s: list(reversed(s))),
    "get": reads(lambda s: s.get("n")),
    "get_missing": reads(lambda s: s.get("missing", "default")),
    "get_item": reads(_get_item),
    "keys": reads(lambda s: list(s.keys())),
    "values": reads(lambda s: list(s.values())),
    "items": reads(lambda s: list(s.items())),
    "keys_in": reads(lambda s: "n" in s.keys()),  # noqa: SIM118  # of the view
    "equal": reads(lambda s: s == {"cart": ["tea"], "n": 1}),
    "unequal": reads(lambda s: s != {}),
    "copy": reads(lambda s: s.copy()),
    "dict": reads(dict),
    "unpacking": reads(lambda s: {**s}),
    "union": reads(lambda s: s | {"m": 2}),
    "nested_read": reads(_nested_loop),
    "repr": Operation(lambda s: repr(s)[:8], (UNTOUCHED,) * 4, like_a_dict=False),
    "state": shows(lambda s: s.state),
    "sid": shows(lambda s: len(s.sid)),
    "subject": shows(lambda s: s.subject),
    "issued_at": shows(lambda s: s.issued_at),
    "started_at": shows(lambda s: s.started_at),
    "expires_at": shows(lambda s: s.expires_at),
    "kid": shows(lambda s: s.kid),
    "ttl": shows(lambda s: s.ttl),
    "cap": shows(lambda s: s.cap),
    "context": shows(lambda s: s.context),
    "refused": shows(lambda s: s.refused),
    "fresh": shows(lambda s: [s.authenticated_at, s.is_fresh(60), list(s.signers)]),
    "given_up": shows(lambda s: len(s.given_up)),
    "set_new": writes(_set_new),
    "set_same": writes(_set_same, *_LIKE_SET),
    "set_and_take_back": reads(_set_and_take_back),
    "delete": writes(_delete_item, *_LIKE_REMOVAL),
    "delete_all": writes(_delete_all, READ, DELETED, SET, READ),
    "pop": writes(lambda s: s.pop("n", None), *_LIKE_REMOVAL),
    "pop_missing": reads(_pop_missing),
    "pop_missing_default": reads(lambda s: s.pop("missing", "default")),
    "pop_and_put_back": writes(_pop_and_put_back, *_LIKE_SET),
    "popitem": writes(_popitem, *_LIKE_REMOVAL),
    "setdefault_present": writes(lambda s: s.setdefault("n", 1), *_LIKE_SET),
    "setdefault_absent": writes(lambda s: s.setdefault("new", 1)),
    "setdefault_nested": writes(lambda s: s.setdefault("cart", []).append("coffee")),
    "update": writes(lambda s: s.update({"n": 2})),
    "update_keywords": writes(lambda s: s.update(n=2, m=3)),
    "update_pairs": writes(lambda s: s.update([("m", 3)])),
    "update_same": writes(lambda s: s.update({"n": 1}), *_LIKE_SET),
    "update_by_nothing": Operation(lambda s: s.update({}), (UNTOUCHED,) * 4),
    "update_in_place": writes(_update_in_place),
    "update_in_place_by_nothing": Operation(_update_in_place_by_nothing, (UNTOUCHED,) * 4),
    "nested_change": writes(_nested_change, *_LIKE_REMOVAL),
    "nested_change_taken_back": reads(_nested_change_taken_back),
    "clear": writes(lambda s: s.clear(), READ, DELETED, DELETED, DELETED),
    "clear_and_write": writes(_clear_and_write),
    "sign_in": writes(_sign_in, like_a_dict=False),
    "sign_in_another": writes(_sign_in_another, like_a_dict=False),
    "sign_in_and_out": writes(_sign_in_and_out, READ, DELETED, DELETED, DELETED, like_a_dict=False),
    "regenerate": writes(lambda s: s.regenerate(), READ, SET, SET, DELETED, like_a_dict=False),
    "reauthenticate": writes(_reauthenticate, READ, READ, SET, READ, like_a_dict=False),
    # A second less than the policy's, as the suite checks the Max-Age of every cookie.
    "set_lifetime": writes(
        lambda s: s.set_lifetime(1799), READ, SET, SET, DELETED, like_a_dict=False
    ),
    "assign_state": writes(_assign_state, like_a_dict=False),
    "assign_the_same_state": shows(_assign_the_same_state),
}


# -- what the applications under test do ----------------------------------------------------


class Handled(Exception):  # noqa: N818  # it is no error of the application
    """The application answers it by itself, with 409."""


class Unhandled(Exception):  # noqa: N818
    """An error that the application does not handle."""


# Names that begin so: the application leaves the session alone, and `note_after` does the rest.
AFTER = "after_"
# Between two names: the application does the one to the session, and then the other.
AND = "_and_then_"


@dataclass(frozen=True)
class Answer:
    """A response, in any framework's terms."""

    body: str
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


def answer(session: Any, name: str, query: Mapping[str, str]) -> Answer:
    """Return what the application answers to ``/op/NAME``."""
    if name in OPERATIONS:
        return Answer(json.dumps(OPERATIONS[name].run(session)), headers=headers_of(query))
    if name.startswith(AFTER):
        return Answer("{}")
    if name == "see":
        seen = {"state": session.state, "subject": session.subject, "refused": session.refused}
        return Answer(json.dumps(seen))
    if name == "raise":
        raise Unhandled
    if name in REVOKING_VERBS:
        return Answer(json.dumps(REVOKING_VERBS[name](session)))
    verb, _, rest = name.rpartition(AND)
    if verb:
        OPERATIONS[verb].run(session)
    return _change(session, rest)


def _change(session: Any, name: str) -> Answer:
    """Change the session, and answer as the name says."""
    session["changed"] = True
    if name == "redirect":
        return Answer("", 303, (("Location", "/op/see"),))
    if name == "change_and_raise":
        raise Unhandled
    if name == "change_and_raise_handled":
        raise Handled
    if name == "large":
        session["basket"] = "secret value " * 400
    if name == "unwritable":
        session["basket"] = [{"price": object()}]
    return Answer("{}")


_CACHING = ("Vary", "Cache-Control", "CDN-Cache-Control")


def headers_of(query: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the headers that a query asks for."""
    return tuple((key, query[key]) for key in _CACHING if key in query)


def _confirm(session: Any) -> str:
    try:
        session.confirm()
    except Revoked:
        return "revoked"
    return "confirmed"


def _answer_by_itself(session: Any) -> str:
    try:
        return f"of {session.subject}"
    except StoreError:
        return "later"


# What only sessions with a list of revocations are asked for.
REVOKING_VERBS: dict[str, Callable[[Any], str | None]] = {
    "confirm": _confirm,
    "answer_by_itself": _answer_by_itself,
    "revoke_others": lambda session: session.revoke_others(),
}


def answer_to(of: Callable[[str], Any], kind: str, name: str, query: Mapping[str, str]) -> Answer:
    """Return what the application answers to ``/KIND/NAME``."""
    if kind == "both":
        answer(of("session"), name, query)
    key = {"op": "session", "both": "admin"}.get(kind, kind)
    return answer(of(key), name, query)


def stream(session: Any, name: str) -> Iterator[bytes]:
    """Yield what the application streams under ``/stream/NAME``."""
    if name == "change_first":
        session["changed"] = True
    if name != "read_late":
        len(session)
    yield b"first "
    try:
        if name in LATE:
            LATE[name](session)
        elif name in ("read_again", "read_late"):
            yield str(session.get("n")).encode() + b" "
    except ConfigError as error:
        yield type(error).__name__.encode() + b" "
    yield b"last"


# What is done to the session once the response has begun.
LATE: dict[str, Callable[[Any], Any]] = {
    "change_late": lambda s: s.update(late=True),
    "clear_late": lambda s: s.clear(),
    "sign_in_late": lambda s: s.sign_in("43"),
    "regenerate_late": lambda s: s.regenerate(),
    "set_lifetime_late": lambda s: s.set_lifetime(600),
    "nested_late": lambda s: s["cart"].append("late"),
}


_outcomes: queue.Queue[tuple[str, str]] = queue.Queue()


def note_after(of: Callable[[str], Any], path: str) -> None:
    """Do to the session what a path names, once its response is complete, and note what follows.

    Args:
        of: Gives the session of a key in `SESSIONS`.
        path: Of any request; those of other names are left alone.
    """
    kind, _, name = path.lstrip("/").partition("/")
    if name.startswith(AFTER):
        session = of("session" if kind == "op" else kind)
        _outcomes.put((path, run_late(session, name.removeprefix(AFTER).partition(".")[0])))


def outcome_after(path: str) -> str:
    """Return what has been noted for a path."""
    while True:
        at, outcome = _outcomes.get(timeout=PATIENCE)
        if at == path:
            return outcome


# -- what must be seen ----------------------------------------------------------------------


def listed(response: httpx.Response, header: str) -> list[str]:
    """Return the members of a header that is a list, in lower case."""
    lines = response.headers.get_list(header)
    return [part.strip().lower() for line in lines for part in line.split(",") if part.strip()]


def token_of(response: httpx.Response, name: str = COOKIE) -> str:
    """Return the token in the one Set-Cookie of a name."""
    values = [line for line in response.headers.get_list("set-cookie") if f"{name}=" in line]
    assert len(values) == 1
    until_closed = name in response.extensions["until_closed"]
    max_age = "" if until_closed else r"; Max-Age=(\d+)"
    found = re.fullmatch(rf"{re.escape(name)}=([\w.-]+){max_age}{re.escape(ATTRIBUTES)}", values[0])
    assert found is not None, values[0]
    if not until_closed:
        assert 1740 <= int(found[2]) <= 1800  # the idle timeout, less what the request took
    return found[1]


def check_headers(response: httpx.Response, effect: str, name: str = COOKIE) -> None:
    """Hold the headers that sessions are seen in against an effect."""
    set_cookie = response.headers.get_list("set-cookie")
    assert listed(response, "vary").count("cookie") == (effect != UNTOUCHED)
    assert ("no-store" in listed(response, "cache-control")) == (effect in (SET, DELETED))
    if effect == SET:
        assert len(set_cookie) == 1
        token_of(response, name)
    elif effect == DELETED:
        assert set_cookie == [name + DELETED_BY]
    else:
        assert set_cookie == []


def check_unavailable(response: httpx.Response) -> None:
    """Make sure of a 503 that leaves the cookie alone."""
    assert response.status_code == 503
    assert response.text == "Service Unavailable"
    assert response.headers.get_list("set-cookie") == []
    assert listed(response, "cache-control") == ["no-store"]
    assert response.headers["retry-after"] == "1"


ERRORS_INSIDE = {
    "test_an_unhandled_error": (
        "the framework answers it inside, as a response like any other, which keeps the change"
    )
}

UNTIL_CLOSED = {
    "test_operation": "the cookie has a Max-Age once `session.permanent` is set, as is usual there"
}
ONE_SESSION = {
    "test_two_sessions": (
        "the framework has one session; the second is that of the WSGI or ASGI middleware around it"
    )
}
ONE_SESSION["test_two_sessions_at_once"] = ONE_SESSION["test_two_sessions"]
CUT_OFF = {
    "test_a_nested_change_after_the_first_byte": (
        "found before the last byte of the response is sent, which is cut off there"
    )
}

_numbers = itertools.count()


def unique(path: str) -> str:
    """Return a path that no other request has, to find its failure by."""
    return f"{path}?request={next(_numbers)}"


class Conformance:
    """The rules for HTTP."""

    # Some frameworks answer an unhandled error inside of all middleware, so that
    # to the middleware it is a response like any other.
    answers_unforeseen_errors_inside: ClassVar[bool] = False
    # Whether a session is true even if it is empty, so that asking for its truth opens nothing.
    always_true: ClassVar[bool] = False
    # WSGI has one value for each header: its servers join several lines with a comma.
    sees_several_cookie_lines: ClassVar[bool] = True

    # For the table: how the adapter is called there; what its framework cannot do, by the name of
    # the class or test left out; and what it does in a way of its own, by the name of the test.
    title: ClassVar[str]
    unable: ClassVar[Mapping[str, str]] = {}
    notes: ClassVar[Mapping[str, str]] = {}

    @pytest.mark.parametrize("start", STARTS)
    @pytest.mark.parametrize("name", OPERATIONS)
    def test_operation(self, site: Site, name: str, start: str) -> None:
        """An operation has the headers that it must have, and the effect of a dict's."""
        operation = OPERATIONS[name]
        if self.always_true and name in ("bool", "not"):
            operation = Operation(lambda _: name == "bool", (UNTOUCHED,) * 4)
        effect = operation.effects[STARTS.index(start)]
        response = site.get(f"/op/{name}", *cookies(start_cookie(start)))
        assert response.status_code == 200
        check_headers(response, effect)
        if operation.like_a_dict:
            state = fresh_state() if start in ("anonymous", "signed in") else {}
            assert response.json() == json.loads(json.dumps(operation.run(state)))
            if effect == SET:
                session = CODEC.decode(token_of(response))
                assert session.state == state
                signed_in = start == "signed in" and name != "clear_and_write"
                assert session.subject == ("42" if signed_in else None)

    @pytest.mark.parametrize("start", STARTS)
    def test_what_is_written_is_read_by_the_next_request(self, site: Site, start: str) -> None:
        """The cookie that one response sets is the session of the next request."""
        response = site.get("/op/set_new", *cookies(start_cookie(start)))
        seen = site.get("/op/see", *cookies(token_of(response))).json()
        assert seen["state"]["new"] == 1
        assert seen["refused"] is None

    @pytest.mark.parametrize(
        ("start", "state"),
        [("no cookie", {}), ("anonymous", fresh_state()), ("signed in", fresh_state()),
         ("refused", {})],
    )  # fmt: skip
    def test_sign_in_begins_a_new_session(
        self, site: Site, start: str, state: dict[str, Any]
    ) -> None:
        """Signing in changes the session id, and carries the state over to the same subject."""
        token = start_cookie(start)
        after = CODEC.decode(token_of(site.get("/op/sign_in", *cookies(token))))
        assert after.subject == "42"
        assert after.state == state
        if state and token is not None:
            assert after.sid != CODEC.decode(token).sid

    def test_another_subject_starts_empty(self, site: Site) -> None:
        """A user who signs in never inherits the state of the user before."""
        response = site.get("/op/sign_in_another", *cookies(start_cookie("signed in")))
        after = CODEC.decode(token_of(response))
        assert (after.subject, after.state) == ("43", {})

    def test_regenerate_keeps_all_but_the_id(self, site: Site) -> None:
        """The session id is new; start, subject and state are not."""
        token = CODEC.encode(fresh_state(), subject="42", now=int(time()) - 500)
        before = CODEC.decode(token)
        after = CODEC.decode(token_of(site.get("/op/regenerate", *cookies(token))))
        assert after.sid != before.sid
        assert after.started_at == before.started_at
        assert (after.subject, after.state) == ("42", fresh_state())

    def test_reauthenticate_says_when(self, site: Site) -> None:
        """The session id is new and its subject has authenticated now; the start stays."""
        token = CODEC.encode(fresh_state(), subject="42", now=int(time()) - 500)
        before = CODEC.decode(token)
        after = CODEC.decode(token_of(site.get("/op/reauthenticate", *cookies(token))))
        assert after.sid != before.sid
        assert (after.subject, after.started_at) == ("42", before.started_at)
        assert (before.is_fresh(60), after.is_fresh(60)) == (False, True)
        seen = site.get("/op/fresh", *cookies(CODEC.renew(after))).json()
        assert seen == [after.authenticated_at, True, []]

    # -- renewal --

    @pytest.mark.parametrize(("name", "effect"), [("len", SET), ("nothing", UNTOUCHED)])
    def test_renewal(self, site: Site, name: str, effect: str) -> None:
        """A session that is past the fraction is renewed when it is read, and only then."""
        token = CODEC.encode(fresh_state(), now=int(time()) - 1000)
        response = site.get(f"/op/{name}", *cookies(token))
        check_headers(response, effect)
        if effect == SET:
            before, after = CODEC.decode(token), CODEC.decode(token_of(response))
            assert (after.sid, after.started_at) == (before.sid, before.started_at)
            assert after.issued_at > before.issued_at

    def test_a_token_of_a_retiring_key_is_renewed(self, site: Site) -> None:
        """A token of the old key is answered by one of the new key, of the same session."""
        codec: SessionCodec[Any] = SessionCodec(RINGS["retiring"], policy=POLICY)
        before = codec.decode(codec.encode(fresh_state(), subject="42"))
        response = site.get("/op/len", *cookies(codec.renew(before)))
        check_headers(response, SET)
        after = CODEC.decode(token_of(response))
        assert (after.kid, after.sid, after.started_at) == (
            "k-active", before.sid, before.started_at,
        )  # fmt: skip

    def test_a_token_of_a_pending_key_is_read(self, site: Site) -> None:
        """A process that is ahead in the rotation does no harm; what is written is signed here."""
        codec: SessionCodec[Any] = SessionCodec(RINGS["pending"], policy=POLICY)
        token = codec.encode(fresh_state())
        response = site.get("/op/state", *cookies(token))
        assert response.json() == fresh_state()
        check_headers(response, READ)
        response = site.get("/op/set_new", *cookies(token))
        assert CODEC.decode(token_of(response)).kid == "k-active"

    def test_a_token_of_a_revoked_key_is_none(self, site: Site) -> None:
        """Revoking a key ends its sessions, and the application can see why."""
        codec: SessionCodec[Any] = SessionCodec(RINGS["revoked"], policy=POLICY)
        response = site.get("/op/see", *cookies(codec.encode(fresh_state())))
        assert response.json() == {"state": {}, "subject": None, "refused": "unknown_key"}
        check_headers(response, READ)

    # -- a ring that only reads --

    @pytest.mark.parametrize("age", [0, 1000])
    def test_a_reader_reads(self, site: Site, age: int) -> None:
        """It never sets a cookie, though one were due for renewal."""
        token = READER_CODEC.encode(fresh_state(), subject="42", now=int(time()) - age)
        response = site.get("/reader/see", *cookies(token, READER_COOKIE))
        assert response.json() == {"state": fresh_state(), "subject": "42", "refused": None}
        check_headers(response, READ, READER_COOKIE)

    @pytest.mark.parametrize("start", STARTS)
    @pytest.mark.parametrize("name", ["set_new", "clear", "sign_in", "nested_change"])
    def test_a_reader_changes_nothing(self, site: Site, name: str, start: str) -> None:
        """It neither sets nor deletes a cookie: a change is an error, and says so."""
        token = start_cookie(start, READER_CODEC)
        response = site.get(f"/reader/{name}", *cookies(token, READER_COOKIE))
        unchanged = name == "nested_change" and start in ("no cookie", "refused")
        assert response.status_code == (200 if unchanged else 500)
        assert response.headers.get_list("set-cookie") == []

    # -- at the same time --

    def test_concurrent_requests(self, site: Site) -> None:
        """Each has its own session, while others change theirs."""

        def visit(number: int) -> None:
            token: str | None = CODEC.encode({"n": number}, subject=number)
            for _ in range(4):
                response = site.get("/op/setdefault_nested", *cookies(token))
                token = token_of(response)
            session = CODEC.decode(token or "")
            assert session.subject == number
            assert session.state == {"n": number, "cart": ["coffee"] * 4}

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(visit, range(16)))

    # -- what comes in --

    @pytest.mark.parametrize("name", FOREIGN)
    def test_foreign_cookies(self, site: Site, name: str) -> None:
        """A cookie of another library is refused with a code, and is left alone."""
        make, codes = FOREIGN[name]
        response = site.get("/op/see", *cookies(make()))
        assert response.status_code == 200
        check_headers(response, READ)
        seen = response.json()
        assert (seen["state"], seen["subject"]) == ({}, None)
        assert seen["refused"] in codes.split("|")
        check_headers(site.get("/op/set_new", *cookies(make())), SET)

    @pytest.mark.parametrize(
        ("age", "refused"), [(1799 - 60, None), (1800, "expired"), (-3600, "not_yet_valid")]
    )
    def test_times(self, site: Site, age: int, refused: str | None) -> None:
        """A session past its end, or from the future, is none."""
        token = CODEC.encode(fresh_state(), now=int(time()) - age)
        assert site.get("/op/see", *cookies(token)).json()["refused"] == refused

    def test_cookies_of_another_name_or_context_are_none(self, site: Site) -> None:
        """One cookie's token is no session under another's name."""
        token = CODEC.encode(fresh_state())
        for line, refused in [
            (f"{ADMIN_COOKIE}={token}", None),
            (f"session={token}", None),
            (f"{COOKIE}2={token}", None),
            (f"x{COOKIE}={token}", None),
            (f"__host-session={token}", None),
            (f"{COOKIE}", None),
            (f"{COOKIE}={ADMIN_CODEC.encode(fresh_state())}", "bad_signature"),
            (f'{COOKIE}="{token}"', "unknown_key"),
            (f"{COOKIE}={token.replace('.', '%2E')}", "malformed"),
        ]:
            seen = site.get("/op/see", line).json()
            assert (seen["state"], seen["refused"]) == ({}, refused), line

    @pytest.mark.parametrize("space", ["\u2000", "\u00a0", "\u3000", "\u0085", "\u2028"])
    def test_unicode_white_space_is_part_of_a_name(self, site: Site, space: str) -> None:
        """A cookie that a sibling domain may set does not pass for ours."""
        line = f"{space}{COOKIE}={CODEC.encode(fresh_state())}"
        assert site.get("/op/see", line).json()["state"] == {}

    def test_the_cookie_is_found_among_others(self, site: Site) -> None:
        """The cookie is found in several header lines, between spaces, and beside other cookies."""
        token = CODEC.encode(fresh_state())
        for lines in [
            (f"a=1; {COOKIE}={token}; b=2",),
            (f"a=1;{COOKIE}={token}",),
            (f"a=1;\t{COOKIE}\t=\t{token}\t;b",),
            ("a=1", f"{COOKIE}={token}"),
            (f"{COOKIE}={token}", "a=1"),
            (f'broken="; {COOKIE}={token}',),
            (f"; ;=; =x; {COOKIE}={token};;",),
        ]:
            if len(lines) > 1 and not self.sees_several_cookie_lines:
                assert site.get("/op/see", *lines).json()["state"] == {}
                continue
            assert site.get("/op/see", *lines).json()["state"] == fresh_state(), lines

    def test_duplicates_of_the_name(self, site: Site) -> None:
        """Of several values one counts if it alone is good; else none does, and it says so."""
        token, other = CODEC.encode(fresh_state()), CODEC.encode({"other": 1})
        for values, refused in [
            ((token, "junk"), None),
            (("junk", token), None),
            (("a", "b", "c", token), None),
            (("a", "b", "c", "d", token), "malformed"),
            ((token, other), "malformed"),
            ((token, token), "malformed"),
            (("junk", "junk"), "malformed"),
        ]:
            for line in (
                ["; ".join(f"{COOKIE}={value}" for value in values)],
                [f"{COOKIE}={value}" for value in values],
            ):
                if len(line) > 1 and not self.sees_several_cookie_lines:
                    assert site.get("/op/see", *line).json()["state"] == {}
                    continue
                seen = site.get("/op/see", *line).json()
                assert seen["refused"] == refused
                assert seen["state"] == ({} if refused else fresh_state())

    @pytest.mark.parametrize("pair", [f"{COOKIE}=x", COOKIE, "=", ";", "a=b"])
    def test_64_kilobytes_of_cookies(self, site: Site, pair: str) -> None:
        """A header as long as servers take is read like any other."""
        line = "; ".join([pair] * (65536 // (len(pair) + 2)))
        response = site.get("/op/see", line)
        assert response.status_code == 200
        assert response.json()["refused"] == ("malformed" if f"{COOKIE}=" in pair else None)

    # -- what goes out --

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("Accept-Encoding", ["accept-encoding", "cookie"]),
            ("accept, COOKIE", ["accept", "cookie"]),
            ("cookie", ["cookie"]),
        ],
    )
    def test_vary_is_merged(self, site: Site, given: str, expected: list[str]) -> None:
        """The application's own Vary stays, and Cookie stands in it once."""
        response = site.get(f"/op/len?Vary={given}")
        assert listed(response, "vary") == expected

    def test_a_star_in_vary_stays(self, site: Site) -> None:
        """It says more than any name could."""
        assert listed(site.get("/op/len?Vary=*"), "vary") == ["*"]

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("public, max-age=60", ["max-age=60", "no-store"]),
            ("Public", ["no-store"]),
            ("private", ["private", "no-store"]),
            ("NO-STORE", ["no-store"]),
            ("no-cache", ["no-cache", "no-store"]),
            ("must-understand, max-age=60", ["max-age=60", "no-store"]),
            ("s-maxage=60, Must-Understand=1", ["no-store"]),
        ],
    )
    def test_cache_control_is_merged(self, site: Site, given: str, expected: list[str]) -> None:
        """A response that sets the cookie is never stored, and never public."""
        response = site.get(f"/op/set_new?Cache-Control={given}")
        assert listed(response, "cache-control") == expected

    @pytest.mark.parametrize("name", ["set_new", f"clear{AND}large"])
    def test_what_one_cache_prefers_to_no_store_goes(self, site: Site, name: str) -> None:
        """A response that sets or deletes the cookie has no Cache-Control for a CDN alone."""
        query = "Cache-Control=must-understand&CDN-Cache-Control=max-age=60"
        response = site.get(f"/op/{name}?{query}", *cookies(start_cookie("signed in")))
        assert response.headers.get_list("set-cookie")
        assert listed(response, "cache-control") == ["no-store"]
        assert "cdn-cache-control" not in response.headers

    @pytest.mark.parametrize("name", ["len", "nothing"])
    def test_cache_control_of_other_responses_is_theirs(self, site: Site, name: str) -> None:
        """A response that sets nothing keeps what the application says."""
        query = "Cache-Control=public, must-understand&CDN-Cache-Control=max-age=60"
        response = site.get(f"/op/{name}?{query}")
        assert listed(response, "cache-control") == ["public", "must-understand"]
        assert response.headers["cdn-cache-control"] == "max-age=60"

    def test_head(self, site: Site) -> None:
        """HEAD has the headers of GET."""
        for name, effect in [("set_new", SET), ("len", READ), ("nothing", UNTOUCHED)]:
            response = site.get(f"/op/{name}", method="HEAD")
            assert response.content == b""
            check_headers(response, effect)

    def test_redirect(self, site: Site) -> None:
        """A redirect carries the change."""
        response = site.get("/op/redirect")
        assert (response.status_code, response.headers["location"]) == (303, "/op/see")
        check_headers(response, SET)

    # -- what goes wrong --

    @pytest.mark.parametrize("name", ["raise", "change_and_raise"])
    def test_an_unhandled_error(self, site: Site, name: str) -> None:
        """It is a 500, and what was changed before it is not kept."""
        response = site.get(f"/op/{name}", *cookies(start_cookie("anonymous")))
        assert response.status_code == 500
        if self.answers_unforeseen_errors_inside:
            check_headers(response, UNTOUCHED if name == "raise" else SET)
        else:
            assert response.headers.get_list("set-cookie") == []

    def test_an_error_that_the_application_answers(self, site: Site) -> None:
        """It is a response like any other: the change is kept."""
        response = site.get("/op/change_and_raise_handled", *cookies(start_cookie("anonymous")))
        assert response.status_code == 409
        check_headers(response, SET)

    @pytest.mark.parametrize("name", ["large", "unwritable"])
    def test_a_state_that_cannot_be_sent(self, site: Site, name: str) -> None:
        """It is a 500 and no cookie, rather than a change lost in silence."""
        response = site.get(f"/op/{name}", *cookies(start_cookie("anonymous")))
        assert response.status_code == 500
        assert response.headers.get_list("set-cookie") == []
        assert "secret value" not in response.text

    @pytest.mark.parametrize("name", ["large", "unwritable"])
    def test_a_sign_out_holds_where_the_rest_cannot_be_sent(self, site: Site, name: str) -> None:
        """It is a 500 that deletes the cookie: the browser is signed out all the same."""
        response = site.get(f"/op/clear{AND}{name}", *cookies(start_cookie("signed in")))
        assert response.status_code == 500
        assert response.headers.get_list("set-cookie") == [COOKIE + DELETED_BY]
        assert "no-store" in listed(response, "cache-control")
        assert "secret value" not in response.text

    # -- streaming --

    def test_a_change_before_the_first_byte_counts(self, site: Site) -> None:
        """A streamed response carries what was changed before it began."""
        response = site.get("/stream/change_first", *cookies(start_cookie("anonymous")))
        assert response.text == "first last"
        check_headers(response, SET)

    @pytest.mark.parametrize("name", [name for name in LATE if name != "nested_late"])
    def test_a_change_after_the_first_byte_raises(self, site: Site, name: str) -> None:
        """It could not be carried, so it says so where it happens, and changes nothing."""
        path = unique(f"/stream/{name}")
        response = site.get(path, *cookies(start_cookie("signed in")))
        assert response.text == "first ConfigError last"
        check_headers(response, READ)

    def test_reading_again_in_the_body(self, site: Site) -> None:
        """A session that was read before is read in the body too."""
        response = site.get("/stream/read_again", *cookies(start_cookie("anonymous")))
        assert response.text == "first 1 last"
        check_headers(response, READ)

    def test_a_first_read_in_the_body_does_not_escape_vary(self, site: Site) -> None:
        """What depends on the cookie never goes out without Vary: it is refused instead."""
        response = site.get("/stream/read_late", *cookies(start_cookie("anonymous")))
        assert response.text == "first ConfigError last"
        check_headers(response, UNTOUCHED)

    @pytest.mark.parametrize(
        ("control", "method"), [("no-store", "GET"), ("private, max-age=60", "GET"), ("", "POST")]
    )
    def test_a_first_read_in_a_body_that_no_cache_stores(
        self, site: Site, control: str, method: str
    ) -> None:
        """No other client can get the response, so a first read works."""
        path = "/stream/read_late" + (f"?Cache-Control={control}" if control else "")
        response = site.get(path, *cookies(start_cookie("anonymous")), method=method)
        assert response.text == "first 1 last"
        assert response.headers.get_list("set-cookie") == []

    # -- once the response is complete --

    @pytest.mark.parametrize("age", [0, 1000])
    def test_a_first_read_after_the_response(self, site: Site, age: int) -> None:
        """Loggers and background tasks read the session; it is neither renewed nor written."""
        path = f"/op/{AFTER}state.{next(_numbers)}"
        token = CODEC.encode(fresh_state(), subject="42", now=int(time()) - age)
        response = site.get(path, *cookies(token))
        assert response.status_code == 200
        assert json.loads(outcome_after(path)) == fresh_state()
        assert response.headers.get_list("set-cookie") == []
        assert "no-store" not in listed(response, "cache-control")

    @pytest.mark.parametrize("name", ["set_new", "clear", "sign_in", "regenerate", "popitem"])
    def test_a_change_after_the_response_raises(self, site: Site, name: str) -> None:
        """No response will carry it, so it says so where it happens."""
        path = f"/op/{AFTER}{name}.{next(_numbers)}"
        response = site.get(path, *cookies(start_cookie("signed in")))
        assert response.status_code == 200
        assert outcome_after(path) == "ConfigError"
        assert response.headers.get_list("set-cookie") == []

    def test_a_request_that_nothing_reads_after_it(self, site: Site) -> None:
        """What runs after the response opens no session by itself."""
        path = f"/op/{AFTER}nothing.{next(_numbers)}"
        response = site.get(path, *cookies(start_cookie("signed in")))
        assert outcome_after(path) == "null"
        check_headers(response, UNTOUCHED)

    # -- several sessions --

    def test_two_sessions(self, site: Site) -> None:
        """Each has its own cookie; touching one does not touch the other."""
        response = site.get("/op/set_new", *cookies(ADMIN_CODEC.encode({"a": 1}), ADMIN_COOKIE))
        check_headers(response, SET)
        response = site.get("/admin/set_new", *cookies(CODEC.encode({"a": 1})))
        check_headers(response, SET, ADMIN_COOKIE)
        assert ADMIN_CODEC.decode(token_of(response, ADMIN_COOKIE)).state == {"new": 1}

    def test_two_sessions_at_once(self, site: Site) -> None:
        """Both cookies are set, and the headers are merged."""
        response = site.get("/both/set_new")
        assert len(response.headers.get_list("set-cookie")) == 2
        assert CODEC.decode(token_of(response, COOKIE)).state == {"new": 1}
        assert ADMIN_CODEC.decode(token_of(response, ADMIN_COOKIE)).state == {"new": 1}
        assert listed(response, "vary") == ["cookie"]
        assert listed(response, "cache-control") == ["no-store"]

    # -- how it travels --

    def test_a_cookie_that_plain_http_loses_is_told(
        self,
        site: Site,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A lost cookie is logged once, except on localhost and behind a proxy that ends TLS."""
        monkeypatch.setattr(plain_http, "_told", set())
        host = "Host", "shop.example"
        site.get("/op/set_new")
        site.get("/op/set_new", headers=(host, ("X-Forwarded-Proto", "https")))
        assert "plain http" not in caplog.text
        for _ in range(2):
            site.get("/op/set_new", headers=(host,))
        assert caplog.text.count(f"the Secure cookie {COOKIE} was answered over plain http") == 1


class Revocation:
    """The rules for an adapter that is given a store of revocations, or a replica of one.

    ``/asking/NAME`` is served with a session whose store is asked each time, ``/following/NAME``
    with one that a replica answers for.
    """

    @pytest.fixture(autouse=True)
    @staticmethod
    def _store() -> None:
        """Forget who has called the store."""
        STORE.forget()

    @staticmethod
    def _token(key: str, subject: str | None = None) -> str:
        subject = subject or f"user {next(_numbers)}"  # that no other test has signed out
        return REVOKING[key][1].encode(fresh_state(), subject=subject)

    @staticmethod
    def _ask(site: Site, key: str, name: str, token: str | None) -> httpx.Response:
        return site.get(f"/{key}/{name}", *cookies(token, REVOKING[key][0]))

    def _refused(self, site: Site, key: str, token: str) -> str | None:
        seen = self._ask(site, key, "see", token).json()
        assert seen["state"] == ({} if seen["refused"] else fresh_state())
        refused: str | None = seen["refused"]
        return refused

    @pytest.mark.parametrize("key", REVOKING)
    def test_a_revoked_token_is_refused(self, site: Site, key: str) -> None:
        """The application sees why, and the cookie is left alone."""
        cookie, codec = REVOKING[key]
        token = self._token(key)
        assert self._refused(site, key, token) is None
        codec.revoke(codec.decode(token))
        response = self._ask(site, key, "see", token)
        assert response.json() == {"state": {}, "subject": None, "refused": "revoked"}
        check_headers(response, READ, cookie)

    @pytest.mark.parametrize("key", REVOKING)
    def test_signing_out_is_final(self, site: Site, key: str) -> None:
        """A copy of the cookie is dead on the next request."""
        cookie, codec = REVOKING[key]
        token = self._token(key)
        copy = codec.renew(codec.decode(token))
        check_headers(self._ask(site, key, "clear", token), DELETED, cookie)
        assert [self._refused(site, key, one) for one in (token, copy)] == ["revoked"] * 2

    @pytest.mark.parametrize("key", REVOKING)
    @pytest.mark.parametrize("name", ["regenerate", "reauthenticate", "sign_in", "sign_in_another"])
    def test_what_takes_a_sessions_place_ends_it(self, site: Site, key: str, name: str) -> None:
        """The former token is dead, and the new one lives."""
        cookie, _ = REVOKING[key]
        token = self._token(key)
        new = token_of(self._ask(site, key, name, token), cookie)
        assert self._refused(site, key, token) == "revoked"
        assert self._ask(site, key, "refused", new).json() is None

    @pytest.mark.parametrize("key", REVOKING)
    def test_my_other_devices_are_signed_out(self, site: Site, key: str) -> None:
        """All of the subject's sessions but the one that asks for it."""
        subject = f"user {next(_numbers)}"
        phone, laptop = (self._token(key, subject) for _ in range(2))
        other = self._token(key)
        check_headers(self._ask(site, key, "revoke_others", laptop), READ, REVOKING[key][0])
        found = [self._refused(site, key, one) for one in (phone, laptop, other)]
        assert found == ["revoked", None, None]

    def test_the_list_follows_a_session(self, site: Site) -> None:
        """A directory lists it under its new id, and no more after the sign-out."""
        cookie, codec = REVOKING["asking"]
        subject = f"user {next(_numbers)}"
        token = self._token("asking", subject)
        new = token_of(self._ask(site, "asking", "regenerate", token), cookie)
        assert [one.id for one in codec.sessions(subject)] == [codec.decode(new).listed_id]
        self._ask(site, "asking", "clear", new)
        assert codec.sessions(subject) == []

    def test_asking_now(self, site: Site) -> None:
        """`confirm` asks the store, so it knows what the replica has not heard yet."""
        token = self._token("following")
        assert self._ask(site, "following", "confirm", token).json() == "confirmed"
        elsewhere: SessionCodec[Any] = SessionCodec(
            RING, context="following", policy=POLICY, revocation=STORE
        )
        elsewhere.revoke(elsewhere.decode(token))
        assert self._refused(site, "following", token) is None
        assert self._ask(site, "following", "confirm", token).json() == "revoked"

    @pytest.mark.parametrize("name", ["see", "set_new", "clear", "sign_in_another"])
    def test_a_store_that_cannot_be_asked(self, site: Site, name: str) -> None:
        """503 without touching the cookie; the session is there when the store is."""
        token = self._token("asking")
        with STORE.down():
            check_unavailable(self._ask(site, "asking", name, token))
        assert self._refused(site, "asking", token) is None

    def test_a_store_that_cannot_be_asked_now(self, site: Site) -> None:
        """503 for `confirm` too, which a replica cannot answer."""
        token = self._token("following")
        with STORE.down():
            check_unavailable(self._ask(site, "following", "confirm", token))

    @pytest.mark.parametrize(("key", "down"), [("asking", ("deny",)), ("following", ())])
    def test_a_sign_out_that_is_not_recorded(
        self, site: Site, key: str, down: tuple[str, ...]
    ) -> None:
        """503, as copies live on; the browser's cookie is deleted all the same."""
        token = self._token(key)
        with STORE.down(*down):
            response = self._ask(site, key, "clear", token)
        assert response.status_code == 503
        assert response.text == "Service Unavailable"
        assert response.headers.get_list("set-cookie") == [REVOKING[key][0] + DELETED_BY]
        assert self._refused(site, key, token) is None

    @pytest.mark.parametrize("key", REVOKING)
    @pytest.mark.parametrize("name", ["large", "unwritable"])
    def test_a_sign_out_is_final_where_the_rest_cannot_be_sent(
        self, site: Site, key: str, name: str
    ) -> None:
        """The cookie is deleted, and a copy of it is dead, although the answer is a 500."""
        token = self._token(key)
        response = self._ask(site, key, f"clear{AND}{name}", token)
        assert response.status_code == 500
        assert response.headers.get_list("set-cookie") == [REVOKING[key][0] + DELETED_BY]
        assert self._refused(site, key, token) == "revoked"

    @pytest.mark.parametrize("key", REVOKING)
    @pytest.mark.parametrize("name", ["regenerate", "sign_in_another"])
    def test_nothing_else_ends_where_the_response_cannot_be_sent(
        self, site: Site, key: str, name: str
    ) -> None:
        """A 500 that carries no new token leaves the session in hand as it was."""
        token = self._token(key)
        response = self._ask(site, key, f"{name}{AND}unwritable", token)
        assert response.status_code == 500
        assert response.headers.get_list("set-cookie") == []
        assert self._refused(site, key, token) is None

    @pytest.mark.parametrize("key", REVOKING)
    def test_a_first_read_of_a_listed_session_after_the_response(
        self, site: Site, key: str
    ) -> None:
        """A revoked session is none there too, and no event loop waits for the store."""
        cookie, codec = REVOKING[key]
        token = self._token(key, "zoe")
        for expected in ("zoe", None):
            path = f"/{key}/{AFTER}subject.{next(_numbers)}"
            response = site.get(path, *cookies(token, cookie))
            assert response.status_code == 200
            assert json.loads(outcome_after(path)) == expected
            if expected is not None:
                codec.revoke(codec.decode(token))
        assert STORE.in_event_loop == []

    @pytest.mark.parametrize("name", ["reauthenticate", "sign_in_another", "revoke_others"])
    def test_another_end_that_is_not_recorded(self, site: Site, name: str) -> None:
        """503, and the session is what it was."""
        token = self._token("following")
        with STORE.down():
            check_unavailable(self._ask(site, "following", name, token))
        assert self._refused(site, "following", token) is None

    def test_a_session_that_cannot_begin(self, site: Site) -> None:
        """The answer is 503, because it is unknown whether the session lives."""
        with STORE.down():
            check_unavailable(self._ask(site, "asking", "sign_in", None))

    def test_what_needs_no_store_goes_on(self, site: Site) -> None:
        """A request that does not touch the session, or has none, and other sessions."""
        token = self._token("asking")
        with STORE.down():
            response = self._ask(site, "asking", "nothing", token)
            assert response.status_code == 200
            check_headers(response, UNTOUCHED)
            check_headers(self._ask(site, "asking", "see", None), READ)
            response = site.get("/op/set_new", *cookies(token, ASKING_COOKIE))
            check_headers(response, SET)

    def test_an_application_that_answers_by_itself(self, site: Site) -> None:
        """It catches the error where it touches the session, and its answer is the response."""
        token = self._token("asking")
        with STORE.down():
            response = self._ask(site, "asking", "answer_by_itself", token)
        assert (response.status_code, response.json()) == (200, "later")
        assert response.headers.get_list("set-cookie") == []

    def test_a_replica_answers_from_memory(self, site: Site) -> None:
        """Reading and writing a session asks no store, and goes on while the store is down."""
        token = self._token("following")
        STORE.forget()
        with STORE.down():
            for name, effect in [("see", READ), ("set_new", SET), ("nested_change", SET)]:
                check_headers(self._ask(site, "following", name, token), effect, FOLLOWING_COOKIE)
        assert STORE.calls == []

    @pytest.mark.parametrize("key", REVOKING)
    def test_no_event_loop_waits_for_the_store(self, site: Site, key: str) -> None:
        """It is called where nothing else has to wait."""
        for name in ("see", "set_new", "regenerate", "revoke_others", "sign_in", "clear"):
            token = self._token(key)
            self._ask(site, key, name, token)
        self._ask(site, key, "sign_in", None)
        assert STORE.calls
        assert STORE.in_event_loop == []


class Overflowing:
    """The rules for an adapter whose manager has a store for states that do not fit.

    ``/overflowing/NAME`` is served with such a session.
    """

    @pytest.fixture(autouse=True)
    @staticmethod
    def _overflow() -> None:
        """Forget who has called the store."""
        OVERFLOW.forget()

    @staticmethod
    def _visit(site: Site, name: str, token: str | None) -> httpx.Response:
        return site.get(f"/overflowing/{name}", *cookies(token, OVERFLOWING_COOKIE))

    @staticmethod
    def _large() -> tuple[dict[str, Any], str]:
        """Return a state that is too large for a cookie, and a token of it."""
        state = {**fresh_state(), "basket": "x" * 10_000}
        token = OVERFLOWING_CODEC.renew(_session_of(state))
        OVERFLOW.forget()
        return state, token

    def test_a_large_state(self, site: Site) -> None:
        """It comes and goes with a small cookie, which is written when the state has changed."""
        token = token_of(self._visit(site, "large", None), OVERFLOWING_COOKIE)
        assert len(token) < 500
        response = self._visit(site, "see", token)
        check_headers(response, READ, OVERFLOWING_COOKIE)
        assert response.json()["state"]["basket"] == "secret value " * 400
        assert OVERFLOW.calls == ["put", "get"]

    def test_a_nested_change_in_a_large_state(self, site: Site) -> None:
        """It counts; one that is taken back does not."""
        state, token = self._large()
        response = self._visit(site, "nested_change_taken_back", token)
        check_headers(response, READ, OVERFLOWING_COOKIE)
        new = token_of(self._visit(site, "nested_change", token), OVERFLOWING_COOKIE)
        seen = self._visit(site, "see", new).json()["state"]
        assert seen == state | {"cart": ["tea", "coffee"]}

    def test_signing_out_of_a_large_session(self, site: Site) -> None:
        """The cookie and the state are gone."""
        _, token = self._large()
        check_headers(self._visit(site, "clear", token), DELETED, OVERFLOWING_COOKIE)
        seen = self._visit(site, "see", token).json()
        assert (seen["state"], seen["refused"]) == ({}, "bad_state")

    @pytest.mark.parametrize("name", ["see", "set_new", "nested_change"])
    def test_a_large_state_that_cannot_be_read(self, site: Site, name: str) -> None:
        """503 without touching the cookie; the session is there when the store is."""
        state, token = self._large()
        with OVERFLOW.down():
            check_unavailable(self._visit(site, name, token))
        assert self._visit(site, "see", token).json()["state"] == state

    @pytest.mark.parametrize("name", ["set_new", "nested_change", "large"])
    def test_a_large_state_that_cannot_be_written(self, site: Site, name: str) -> None:
        """503, and the session is what it was."""
        state, token = self._large()
        with OVERFLOW.down("put"):
            check_unavailable(self._visit(site, name, token))
        assert self._visit(site, "see", token).json()["state"] == state

    def test_a_sign_out_holds_where_a_large_state_cannot_be_written(self, site: Site) -> None:
        """503, and the cookie is deleted all the same."""
        _, token = self._large()
        with OVERFLOW.down("put"):
            response = self._visit(site, f"clear{AND}large", token)
        assert response.status_code == 503
        assert response.headers.get_list("set-cookie") == [OVERFLOWING_COOKIE + DELETED_BY]

    def test_a_small_state_asks_no_store(self, site: Site) -> None:
        """It is in its cookie, and goes on while the store is down."""
        token = OVERFLOWING_CODEC.encode(fresh_state())
        with OVERFLOW.down():
            for name, effect in [("see", READ), ("set_new", SET), ("clear", DELETED)]:
                check_headers(self._visit(site, name, token), effect, OVERFLOWING_COOKIE)
        assert OVERFLOW.calls == []

    def test_no_event_loop_waits_for_a_large_state(self, site: Site) -> None:
        """The store is called where nothing else has to wait: read, written, kept and deleted."""
        for name in ("see", "set_new", "large", "regenerate", "sign_in", "set_lifetime", "clear"):
            _, token = self._large()
            self._visit(site, name, token)
            assert OVERFLOW.calls[0] == "get"
            assert OVERFLOW.in_event_loop == []
        self._visit(site, "large", None)
        assert OVERFLOW.calls[-1] == "put"
        assert OVERFLOW.in_event_loop == []


def _session_of(state: dict[str, Any]) -> Any:
    session = OVERFLOWING_CODEC.new()
    session.state = state
    return session


class RaisesFailures:
    """For frameworks that let an unforeseen error leave the application, where servers log it."""

    def test_a_nested_change_after_the_first_byte(self, site: Site) -> None:
        """It is found at the end of the request, and raises there."""
        path = unique("/stream/nested_late")
        response = site.get(path, *cookies(start_cookie("anonymous")))
        check_headers(response, READ)
        failure = site.failure(path)
        assert isinstance(failure, ConfigError), failure

    def test_a_state_that_is_too_large_names_its_keys(self, site: Site) -> None:
        """The error names the large keys and their sizes, and shows none of their values."""
        path = unique("/op/large")
        site.get(path)
        text = str(site.failure(path))
        assert "'basket' 5203 bytes" in text
        assert "4096" in text
        assert "secret value" not in text

    def test_a_state_that_cannot_be_written_names_its_path(self, site: Site) -> None:
        """The error of a state that cannot be written names the path, as `encode` does."""
        path = unique("/op/unwritable")
        site.get(path)
        failure = site.failure(path)
        assert isinstance(failure, StateError)
        assert failure.path == "state.basket[0].price"


class BackgroundTasks:
    """For frameworks that run tasks after the response: ``/background/NAME``.

    The operation runs before the response when NAME is ``before``, else in the task; the answer
    is ``{}``.
    """

    def test_a_change_before_the_task_counts(self, site: Site) -> None:
        """A response with a task is like any other."""
        check_headers(site.get("/background/before"), SET)

    def test_a_change_in_a_task_raises(self, site: Site) -> None:
        """The response has gone, so the change would be lost."""
        path = unique("/background/set_new")
        response = site.get(path, *cookies(start_cookie("anonymous")))
        assert response.headers.get_list("set-cookie") == []
        failure = site.failure(path)
        assert isinstance(failure, ConfigError), failure


def run_late(session: Any, name: str) -> str:
    """Return what an operation answers, or the name of the error that it raises."""
    try:
        return json.dumps(OPERATIONS[name].run(session))
    except ConfigError as error:
        return type(error).__name__


class WebSockets:
    """For frameworks with WebSockets.

    ``/ws/NAME`` runs the operation, accepts, and sends its answer; ``/ws-late/NAME`` accepts,
    and then sends what `run_late` gives.
    """

    @staticmethod
    def _talk(site: Site, path: str, token: str | None) -> tuple[Headers, str]:
        url = site.url.replace("http", "ws", 1) + path
        headers = [("Cookie", line) for line in cookies(token)]
        with connect(url, additional_headers=headers, proxy=None) as socket:
            text = socket.recv(timeout=PATIENCE)
            assert socket.response is not None
            assert isinstance(text, str)
            return socket.response.headers, text

    def test_a_handshake_reads_the_session(self, site: Site) -> None:
        """The browser sends its cookie with the handshake."""
        headers, text = self._talk(site, "/ws/state", start_cookie("signed in"))
        assert json.loads(text) == fresh_state()
        assert "set-cookie" not in headers

    def test_a_handshake_without_a_cookie(self, site: Site) -> None:
        """It has an empty session."""
        assert json.loads(self._talk(site, "/ws/state", None)[1]) == {}

    @pytest.mark.parametrize(("name", "state"), [("set_new", {"new": 1}), ("sign_in", {})])
    def test_a_change_before_accept(self, site: Site, name: str, state: dict[str, Any]) -> None:
        """The response that accepts carries the cookie."""
        headers, _ = self._talk(site, f"/ws/{name}", None)
        (line,) = headers.get_all("set-cookie")
        assert CODEC.decode(line.partition(";")[0].partition("=")[2]).state == state

    @pytest.mark.parametrize("name", ["set_new", "clear", "sign_in", "regenerate", "popitem"])
    def test_a_change_after_accept_raises(self, site: Site, name: str) -> None:
        """No response will follow, so the change would be lost."""
        assert self._talk(site, f"/ws-late/{name}", start_cookie("signed in"))[1] == "ConfigError"

    def test_reading_after_accept(self, site: Site) -> None:
        """The session stays readable for as long as the connection lives."""
        text = self._talk(site, "/ws-late/state", start_cookie("signed in"))[1]
        assert json.loads(text) == fresh_state()
