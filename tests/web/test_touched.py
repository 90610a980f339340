"""A response is written exactly when its session differs: random requests against the plain way.

What a request did to its state is told by what it touched. The plain way packs the state before
and after, and compares. Both must agree after every sequence of operations.
"""

from __future__ import annotations

import copy
import enum
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import NOW
from tokensession import ConfigError, KeyRing, SessionManager, StateError
from tokensession.format.claims import write_claims
from tokensession.format.core_values import core_value
from tokensession.format.lazy_state import Members
from tokensession.format.state import comparer, encode_msgpack
from tokensession.stores.memory.overflow import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.web.cookies import Headers
    from tokensession.web.request_session import RequestSession

RING = KeyRing.generate()
BASKET = {"basket": "x" * 10_000}
CET = timezone(timedelta(hours=1))


class Name(enum.StrEnum):
    """Names that an application has for its keys."""

    A = "a"
    E = "e"


# Of values that are equal, some have other bytes.
SCALARS: list[Any] = [
    None, True, False, 0, 1, 2, 1.0, 0.0, -0.0, "", "x", b"", b"x",
    datetime(2026, 7, 25, 12, tzinfo=UTC), datetime(2026, 7, 25, 13, tzinfo=CET),
]  # fmt: skip
CORE = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=4,
)
VALUES = CORE | st.tuples(CORE)  # a tuple comes back as a list


class Odd:
    """Something that msgpack does not have."""

    def __repr__(self) -> str:
        return "odd"


# No state can hold one of these.
WRONG: list[Any] = [{1}, 2**60, float("nan"), Odd(), "\ud800", {1: 2}, {"__proto__": 1}]
KEYS = st.sampled_from(["a", "b", "c", "d", Name.A, Name.E])
STATES = st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4)


@dataclass
class Work:
    """What an application does to a session, or to a dict in its place.

    Attributes:
        session: The session, or the dict.
        held: Objects that it was handed out or put in, which it still has.
        seen: What it saw.
    """

    session: Any
    held: list[Any] = field(default_factory=list)
    seen: list[Any] = field(default_factory=list)

    @property
    def state(self) -> Any:
        """The state as a whole."""
        return self.session if type(self.session) is dict else self.session.state

    def hold(self, value: Any) -> None:
        """Keep an object, and note how it looks."""
        self.held.append(value)
        self.seen.append(repr(value))

    def replace(self, state: Any) -> None:
        """Set the state as a whole."""
        if type(self.session) is dict:
            self.session = state
        else:
            self.session.state = state


def change(value: Any, key: str, new: Any) -> None:
    """Change an object within itself, or what it holds."""
    if isinstance(value, list):
        value.append(copy.deepcopy(new))
    elif isinstance(value, tuple):
        for item in value:
            change(item, key, new)
    elif isinstance(value, dict):
        inner = value.get(key)
        if isinstance(inner, list | dict):
            change(inner, key, new)
        else:
            value[key] = copy.deepcopy(new)


def change_held(work: Work, key: str, new: Any, *, last: int = 100) -> None:
    """Change objects that the application still has."""
    for held in work.held[-last:]:
        change(held, key, new)


def change_back(value: Any) -> None:
    """Change an object and take the change back."""
    if isinstance(value, list):
        value.append(1)
        value.pop()
    elif isinstance(value, dict):
        value["new"] = 1
        del value["new"]


def move_to_the_end(work: Work, key: str) -> None:
    """Give a member another place."""
    if key in work.session:
        work.session[key] = work.session.pop(key)


def share(work: Work, key: str, value: Any) -> None:
    """Put one object in two places."""
    work.session[key] = value
    work.session["shared"] = value
    work.hold(value)


def set_and_hold(work: Work, key: str, value: Any) -> None:
    """Put an object in, and keep it."""
    work.session[key] = value
    work.hold(value)


def set_again(work: Work, key: str) -> None:
    """Set a member to what it is."""
    if key in work.session:
        work.session[key] = work.session[key]


def copy_member(work: Work, key: str) -> None:
    """Set another member to the same object."""
    work.session["copy"] = work.session.get(key)


def replace_by_a_copy(work: Work) -> None:
    """Set the state to an equal one."""
    work.replace(copy.deepcopy(dict(work.state)))


def pop_item(work: Work) -> None:
    """Remove the newest member."""
    if work.session:
        work.hold(work.session.popitem())


class Thief:
    """Takes what it is compared with."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def __eq__(self, other: object) -> bool:
        self._work.hold(other)
        return False

    __hash__ = None  # type: ignore[assignment]


# Each takes the work, a key and a value. A dict and a session must answer alike.
READS: dict[str, Callable[[Work, str, Any], object]] = {
    "get": lambda w, k, _: w.hold(w.session.get(k)),
    "default": lambda w, k, v: w.hold(w.session.get(k, v)),
    "item": lambda w, k, _: w.hold(w.session[k]) if k in w.session else None,
    "in": lambda w, k, _: w.seen.append(k in w.session),
    "keys": lambda w, _, __: w.seen.append((list(w.session), len(w.session), bool(w.session))),
    "values": lambda w, _, __: list(map(w.hold, w.session.values())),
    "items": lambda w, _, __: list(map(w.hold, w.session.items())),
    "value_in": lambda w, _, v: w.seen.append(v in w.session.values()),
    "dict": lambda w, _, __: w.hold(dict(w.session)),
    "unpacking": lambda w, _, __: w.hold({**w.session}),
    "copy": lambda w, _, __: w.hold(w.session.copy()),
    "union": lambda w, k, v: w.hold(w.session | {k: v}),
    "other_union": lambda w, k, v: w.hold({k: v} | w.session),
    "state": lambda w, _, __: w.hold(w.state),
    "equal": lambda w, _, __: w.seen.append(w.session == {}),
    "thief": lambda w, _, __: w.session == Thief(w),
    "match": lambda w, _, __: w.hold(_rest(w.session)),
    "json": lambda w, _, __: json.dumps(dict(w.session), default=str),
}  # fmt: skip
WRITES: dict[str, Callable[[Work, str, Any], object]] = {
    "set": lambda w, k, v: w.session.__setitem__(k, v),
    "set_and_hold": set_and_hold,
    "set_again": lambda w, k, _: set_again(w, k),
    "share": share,
    "copy_member": lambda w, k, _: copy_member(w, k),
    "setdefault": lambda w, k, v: w.hold(w.session.setdefault(k, v)),
    "delete": lambda w, k, _: w.session.__delitem__(k) if k in w.session else None,
    "pop": lambda w, k, _: w.hold(w.session.pop(k, None)),
    "popitem": lambda w, _, __: pop_item(w),
    "update": lambda w, k, v: w.session.update({k: v}),
    "union_in_place": lambda w, k, v: w.session.__ior__({k: v}),
    "move_to_the_end": lambda w, k, _: move_to_the_end(w, k),
    "set_in_state": lambda w, k, v: w.state.__setitem__(k, v),
    "delete_all": lambda w, _, __: [w.session.pop(key) for key in list(w.session)],
    "replace": lambda w, k, v: w.replace({k: v}),
    "replace_by_a_copy": lambda w, _, __: replace_by_a_copy(w),
    "replace_by_itself": lambda w, _, __: w.replace(w.state),
}  # fmt: skip
CHANGES: dict[str, Callable[[Work, str, Any], object]] = {
    "change": partial(change_held, last=2),
    "change_all": change_held,
    "change_back": lambda w, _, __: list(map(change_back, w.held)),
}  # fmt: skip
VERBS: dict[str, Callable[[RequestSession[Any]], object]] = {
    "sign_in": lambda s: s.sign_in("ada"),
    "sign_in_another": lambda s: s.sign_in("eve"),
    "regenerate": lambda s: s.regenerate(),
    "clear": lambda s: s.clear(),
    "set_lifetime": lambda s: s.set_lifetime(600),
    "set_same_lifetime": lambda s: s.set_lifetime(1800),
}


def _rest(session: Any) -> Any:
    match session:
        case {"a": _, **rest}:
            return rest
        case _:
            return None


EMPTYING = {"clear", "sign_in", "sign_in_another"}
OPERATIONS = {**READS, **WRITES, **CHANGES}
# The verbs are rarer than the others.
NAMES = [*sorted(OPERATIONS) * 3, *sorted(VERBS)]
STEPS = st.lists(
    st.tuples(st.sampled_from(NAMES), KEYS, VALUES | st.sampled_from(WRONG)),
    max_size=8,
)
LATE = st.lists(st.tuples(st.sampled_from(sorted(READS | CHANGES)), KEYS, VALUES), max_size=3)


def respelt(value: Any) -> bytes:
    """Return a value in msgpack as another writer can pack it, in none of its shortest forms."""
    if type(value) is dict:
        inner = b"".join(respelt(item) for pair in value.items() for item in pair)
        return b"\xde" + len(value).to_bytes(2, "big") + inner
    if type(value) is str:
        text = value.encode()
        return b"\xda" + len(text).to_bytes(2, "big") + text
    if type(value) is int and value >= 0:
        return b"\xcd" + value.to_bytes(2, "big")
    packed: bytes = encode_msgpack(value)
    return packed


def token_of(manager: SessionManager[Any], packed: bytes, subject: str | None) -> str:
    """Return the token of a state that is packed already."""
    (key,) = manager.codec.rings.current().by_header.values()
    plaintext = write_claims(bytes(16), NOW, 1800, 0, subject, msgspec.Raw(packed), None)
    return key.token(plaintext, key.salt(), bytes(12)).decode()


MANAGERS: dict[str, SessionManager[Any]] = {
    "token": SessionManager(RING),
    "store": SessionManager(RING, overflow=MemoryStore()),
}


def state_of(session: RequestSession[Any]) -> Any:
    """Return the state of a session without being handed it out, which would be noted."""
    value = session._value
    assert value is not None
    state = value.state
    if type(state) is not Members:
        return state
    members = state._members.items()
    return {k: msgspec.msgpack.decode(v) if type(v) is msgspec.Raw else v for k, v in members}


class Request:
    """A request with a session, and what the plain way says of it.

    Args:
        manager: Opens and saves the session.
        token: What the request carries, or None.
    """

    def __init__(self, manager: SessionManager[Any], token: str | None) -> None:
        self.manager = manager
        cookie = [] if token is None else [(b"cookie", f"__Host-session={token}".encode())]
        self.session = manager.open(cookie, now=NOW)
        self.headers: Headers = []
        self._empty = encode_msgpack(manager.codec.new().state)
        self._presented = token is not None
        self._found = self._empty
        if token is not None:
            self._found = encode_msgpack(manager.codec.decode(token, now=NOW).state)

    def expected(self) -> bytes | type[StateError] | None:
        """Return what the response must set: the packed state, b"" for a deletion, or None."""
        session = self.session
        packed = comparer()(state_of(session))
        same_life = (session.ttl, session.cap) == (1800, None)
        if packed == self._found and not session.given_up and same_life:
            return None
        if packed == self._empty and session.subject is None:
            return b"" if self._presented else None
        try:
            core_value(to_builtins(state_of(session)), "state")
        except StateError:
            return StateError
        return packed

    def save(self) -> bytes | type[StateError] | None:
        """Save the session; return what the response sets, as `expected` does."""
        try:
            self.manager.save(self.session, self.headers, now=NOW)
        except StateError:
            return StateError
        for name, value in self.headers:
            if name == b"set-cookie":
                token = value.decode().partition("=")[2].partition(";")[0]
                if not token:
                    return b""
                return encode_msgpack(self.manager.codec.decode(token, now=NOW).state)
        return None

    def check(self, late: Callable[[], object]) -> None:
        """Hold the saving against the plain way, and then what is changed too late."""
        if not self.session.opened:
            assert (self.save(), self.headers) == (None, [])
            return
        expected = self.expected()
        assert self.save() == expected
        if expected is StateError:
            return
        before = comparer()(state_of(self.session))
        late()
        after = comparer()(state_of(self.session))
        try:
            self.manager.check_unchanged(self.session)
        except ConfigError:
            assert after != before
        else:
            assert after == before


def to_builtins(state: Any) -> Any:
    """Return a state as core values."""
    return msgspec.to_builtins(state) if isinstance(state, msgspec.Struct) else state


PLACES = [("token", encode_msgpack), ("token", respelt), ("store", encode_msgpack)]


@pytest.mark.parametrize(("place", "spelling"), PLACES, ids=["ours", "another's", "in a store"])
@settings(max_examples=200)
@given(data=st.data())
def test_a_state_of_core_values(
    place: str, spelling: Callable[[Any], bytes], data: st.DataObject
) -> None:
    """It is written exactly when it differs, and as a dict is after the same operations."""
    manager, state, token = MANAGERS[place], data.draw(STATES), None
    subject = data.draw(st.sampled_from(["ada", None]))
    if place == "store":
        state |= BASKET
        token = manager.codec.encode(state, subject=subject, now=NOW)
    elif data.draw(st.integers(0, 9)):
        token = token_of(manager, spelling(state), subject)
    request = Request(manager, token)
    session = request.session
    model = Work(msgspec.msgpack.decode(encode_msgpack(state)) if token else {})
    work = Work(session)
    for name, key, value in data.draw(STEPS):
        if name in VERBS:
            former = session.subject
            VERBS[name](session)
            if session.subject is None or former not in (None, session.subject):
                model.session = {} if name in EMPTYING else model.session
            continue
        for one in (model, work):
            OPERATIONS[name](one, key, copy.deepcopy(value))
    assert work.seen == model.seen
    if session.opened:
        assert (repr(state_of(session)), list(session)) == (
            repr(model.session),
            list(model.session),
        )

    def late() -> None:
        for name, key, value in data.draw(LATE):
            OPERATIONS[name](work, key, value)

    request.check(late)


class Cart(msgspec.Struct):
    """A typed state."""

    items: list[Any] = []
    owner: dict[str, Any] = {}
    total: float = 0.0


def change_cart(work: Work, key: str, value: Any) -> None:
    """Change a field within itself."""
    work.hold(work.session.state)
    work.session.state.owner[key] = value
    work.session.state.items.append(value)


TYPED: dict[str, Callable[[Work, str, Any], object]] = {
    "read": lambda w, _, __: w.hold(w.session.state),
    "bool": lambda w, _, __: bool(w.session),
    "hold": lambda w, _, __: w.held.extend([w.session.state.items, w.session.state.owner]),
    "equal": lambda w, _, __: w.session == Cart(),
    "field": lambda w, _, v: setattr(w.session.state, "items", [v]),
    "total": lambda w, _, __: setattr(w.session.state, "total", 0.5),
    "nested": change_cart,
    "replace": lambda w, k, v: w.replace(Cart([v], {k: v})),
    "replace_by_a_new_one": lambda w, _, __: w.replace(Cart()),
    "replace_by_a_copy": lambda w, _, __: w.replace(copy.deepcopy(w.state)),
}  # fmt: skip
CARTS = st.builds(Cart, st.lists(CORE, max_size=2), st.dictionaries(st.sampled_from("ab"), CORE))


@pytest.mark.parametrize("overflow", [None, MemoryStore()], ids=["token", "store"])
@settings(max_examples=150)
@given(
    cart=st.none() | CARTS,
    steps=st.lists(
        st.tuples(st.sampled_from(sorted(TYPED | CHANGES | VERBS)), KEYS, CORE), max_size=6
    ),
    late=st.lists(st.tuples(st.sampled_from(["read", "hold", *CHANGES]), KEYS, CORE), max_size=2),
    large=st.booleans(),
)
def test_a_state_of_a_type(
    overflow: MemoryStore | None,
    cart: Cart | None,
    steps: list[tuple[str, str, Any]],
    late: list[tuple[str, str, Any]],
    *,
    large: bool,
) -> None:
    """Handing it out can change any of it; nothing else can."""
    manager = SessionManager(RING, overflow=overflow, state_type=Cart)
    token = None
    if cart is not None:
        cart = msgspec.msgpack.decode(encode_msgpack(cart), type=Cart)
        if large and overflow is not None:
            cart.owner |= BASKET
        token = manager.codec.encode(cart, subject="ada", now=NOW)
    request = Request(manager, token)
    work = Work(request.session)

    def take(some: list[tuple[str, str, Any]]) -> None:
        for name, key, value in some:
            if name in VERBS:
                VERBS[name](request.session)
            else:
                (TYPED | CHANGES)[name](work, str(key), copy.deepcopy(value))

    take(steps)
    request.check(lambda: take(late))


@settings(max_examples=200)
@given(
    state=st.lists(VALUES, max_size=3) | st.sampled_from(SCALARS),
    steps=st.lists(st.sampled_from(["read", "append", "replace", "same", "text", *VERBS])),
)
def test_a_state_that_is_no_map(state: Any, steps: list[str]) -> None:
    """A codec takes any core value as its state."""
    manager = MANAGERS["token"]
    request = Request(manager, token_of(manager, encode_msgpack(state), "ada"))
    session = request.session
    for step in steps:
        if step in VERBS:
            VERBS[step](session)
        elif step == "append" and isinstance(session.state, list):
            session.state.append(1)
        elif step == "replace":
            session.state = [1]
        elif step == "same":
            session.state = copy.deepcopy(session.state)
        elif step == "text":
            session.state = "x"
        else:
            assert session.state is session.state
    request.check(lambda: session.state)
