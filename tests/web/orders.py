"""Every order in which the store calls of two requests of one session can come, and a judge."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tokensession import (
    Cookie,
    KeyRing,
    Policy,
    SessionCodec,
    SessionManager,
    StoreError,
    TokenError,
)
from tokensession.directory.directory import Directory
from tokensession.revocation.lookup import Lookup
from tokensession.revocation.replica import Replica
from tokensession.stores.memory.directory import MemoryStore as DirectoryStore
from tokensession.stores.memory.revocation import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tokensession.sessions.session import Session
    from tokensession.web.request_session import RequestSession

NOW = 1_785_000_000
RING = KeyRing.generate()
POLICY = Policy()
READER: SessionCodec[Any] = SessionCodec(RING, policy=POLICY)
ADA, BOB = "ada", "bob"
OF_SUBJECTS = ("reauthenticate", "revoke_others")  # what a session without subject cannot do
LIMIT = 2  # sessions of a subject, with a directory
ENDS = ("clear", "sign_in_bob", "sign_in_ada")  # verbs after which the session found is over

VERBS: dict[str, Callable[[RequestSession[Any]], object]] = {
    "nothing": len,
    "change": lambda s: s.update(seen=True),
    "sign_in_ada": lambda s: s.sign_in(ADA),
    "sign_in_bob": lambda s: s.sign_in(BOB),
    "regenerate": lambda s: s.regenerate(),
    "reauthenticate": lambda s: s.reauthenticate(),
    "clear": lambda s: s.clear(),
    "revoke_others": lambda s: s.revoke_others(),
}
# What applications do in one request: one verb, or those of changing a password, of signing out
# everywhere, of signing in as another.
REQUESTS: list[tuple[str, ...]] = [
    *((verb,) for verb in VERBS),
    ("regenerate", "revoke_others"),
    ("revoke_others", "reauthenticate"),
    ("revoke_others", "clear"),
    ("clear", "sign_in_ada"),
    ("clear", "sign_in_bob"),
    ("sign_in_ada", "revoke_others"),
    ("revoke_others", "sign_in_bob"),
    ("change", "clear"),
    ("clear", "change"),
]


@dataclass
class Request:
    """A request on its way, one store call after the other.

    Attributes:
        verbs: What the application does.
        error: Why it was answered by an error, or None.
        token: The token that its response sets, or None.
        found: The subject that it found.
        took_up: Whether its cookie was a session to it.
    """

    verbs: tuple[str, ...]
    manager: SessionManager[Any]
    cookie: str
    twice: bool = False
    error: Exception | None = None
    token: str | None = None
    found: object = None
    took_up: bool = False
    _next: Callable[[], Any] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._steps = self._run()
        self._advance(lambda: next(self._steps))

    def _run(self) -> Any:
        manager = self.manager
        assert isinstance(manager.cookie, Cookie)
        header = (b"cookie", f"{manager.cookie.name}={self.cookie}".encode())
        session = manager.open([header], now=NOW)
        yield from manager.opening(session)
        self.found = session.subject
        self.took_up = session.refused is None
        done = []
        for verb in self.verbs:
            if verb not in OF_SUBJECTS or session.subject is not None:
                VERBS[verb](session)
                done.append(verb)
        self.verbs = tuple(done)
        headers: list[tuple[bytes, bytes]] = []
        try:
            yield from manager.saving(session, headers, now=NOW)
        except StoreError as error:
            self.error = error
        line = dict(headers).get(b"set-cookie", b"").decode()
        self.token = line.partition("=")[2].partition(";")[0] or None

    def _advance(self, step: Callable[[], Any]) -> None:
        try:
            self._next = step()
        except StopIteration:
            self._next = None

    @property
    def waits(self) -> bool:
        """Whether a call is left."""
        return self._next is not None

    def go_on(self) -> None:
        """Do the next call, and all that is decided until the one after."""
        call = self._next
        assert call is not None
        try:
            answer = call()
            if self.twice:  # as after an answer that was lost
                answer = call()
        except Exception as error:  # noqa: BLE001  # the request decides
            thrown = error
            self._advance(lambda: self._steps.throw(thrown))
        else:
            self._advance(lambda: self._steps.send(answer))


class Nodes:
    """What all orders of a pair of requests share: the codecs, and the tokens of the sessions.

    Each order has an empty store. Only the node that hears of nothing is made anew with it.

    Args:
        make: Makes a store.
        subject: Whose session the requests are of.
        deaf: Whether the second request is on a node that hears of nothing.
        listed: Whether there is a directory; it lets a subject have two sessions.
    """

    def __init__(
        self,
        make: Callable[[], MemoryStore],
        *,
        subject: str | None,
        deaf: bool,
        listed: bool = False,
    ) -> None:
        self._make = make
        self._deaf = deaf
        self._listed = listed
        self._lookup = Lookup(make())
        self.judge: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=self._lookup)
        self.token = self.judge.encode({"n": 1}, subject=subject, now=NOW - 100)
        self.other = self.judge.encode({}, subject=ADA, now=NOW - 100)
        self._hearing: SessionManager[Any] = SessionManager(self.judge)

    def managers(self) -> tuple[SessionManager[Any], SessionManager[Any]]:
        """Return the managers of both requests, over an empty store."""
        store = self._lookup.store = self._make()
        options: Any = {"policy": POLICY}
        if self._listed:
            options["directory"] = Directory(DirectoryStore(store), limit=LIMIT)
            self.judge = SessionCodec(RING, revocation=self._lookup, **options)
            self._hearing = SessionManager(self.judge)
            for token in (self.token, self.other):
                if (session := READER.decode(token, now=NOW)).subject is not None:
                    directory = self.judge.listing
                    directory._touch(directory._record(session._open(), NOW - 100))
        if not self._deaf:
            return self._hearing, self._hearing
        check: Any = Replica(store, refresh=10_000, max_staleness=100_000)
        check._poller.confirm(0, float("inf"))
        check._poller.running_in = os.getpid()
        check._poller.start = check._poller.stop = lambda *_: None
        return self._hearing, SessionManager(RING, revocation=check, **options)


@dataclass
class World:
    """A store with three sessions of one subject, and two requests of the first of them."""

    requests: tuple[Request, Request]
    judge: SessionCodec[Any]
    first: Session[Any]
    other: str

    @classmethod
    def begin(
        cls,
        pair: tuple[tuple[str, ...], tuple[str, ...]],
        nodes: Nodes,
        *,
        twice: bool,
    ) -> World:
        """Begin both requests.

        Args:
            pair: Their verbs.
            nodes: Where they are served.
            twice: Whether each call is repeated.
        """
        requests = tuple(
            Request(verbs, manager, nodes.token, twice)
            for verbs, manager in zip(pair, nodes.managers(), strict=True)
        )
        assert len(requests) == 2
        first = nodes.judge.decode(nodes.token, now=NOW)
        return cls(requests, nodes.judge, first, nodes.other)

    def lives(self, token: str | None) -> bool:
        """Tell whether a token is a session on a node that has heard of everything."""
        if token is None:
            return False
        try:
            self.judge.decode(token, now=NOW + 20)
        except TokenError:
            return False
        return True

    def faults(self) -> Iterator[str]:
        """Say what has gone wrong."""
        first = self.judge.renew(self.first, now=NOW)
        ended = False  # whether the session was ended by a request that was acknowledged
        for request in self.requests:
            done = request.error is None and request.took_up
            signs_in = self.first.subject is None and "sign_in" in "".join(request.verbs[:1])
            ended |= done and not signs_in and any(verb in ENDS for verb in request.verbs)
        going_on = [
            request.token
            for request in self.requests
            if request.token is not None
            and not any(verb in ENDS for verb in request.verbs)
            and READER.decode(request.token, now=NOW).started_at == self.first.started_at
        ]
        alive = [token for token in {first, *going_on} if self.lives(token)]
        if ended and alive:
            yield "a session outlives its sign-out"
        sids = {READER.decode(token, now=NOW).sid for token in alive}
        if len(sids) > 1:
            yield "a session has become two"
        for request in self.requests:
            yield from self._faults_of(request)
        if self.judge.directory is not None:
            yield from self._faults_of_the_list({first, self.other, *going_on})

    def _faults_of_the_list(self, tokens: set[str]) -> Iterator[str]:
        sent = {request.token for request in self.requests if request.token is not None}
        alive = [READER.decode(token, now=NOW + 20) for token in tokens | sent if self.lives(token)]
        listed: dict[object, set[str]] = {}
        for subject in (ADA, BOB):
            listed[subject] = {one.id for one in self.judge.sessions(subject, now=NOW + 20)}
            if len(listed[subject]) > LIMIT:
                yield "more sessions live than the limit allows"
        if not all(one.subject is None or one.listed_id in listed[one.subject] for one in alive):
            yield "a user who is signed in is not listed"
        unknown = {*listed[ADA], *listed[BOB]} - {one.listed_id for one in alive}
        # The token of a sign-in that failed was never sent.
        if unknown and not any(request.error for request in self.requests):
            yield "a user who is signed out is listed"

    def _faults_of(self, request: Request) -> Iterator[str]:
        others = "revoke_others" in request.verbs and request.error is None
        if others and request.found == ADA and self.lives(self.other):
            yield "other sessions live on"
        if request.token is None:
            return
        subject = request.found
        for verb in request.verbs:
            if verb.startswith("sign_in"):
                subject = verb.rpartition("_")[2]
            elif verb == "clear":
                subject = None
        written = READER.decode(request.token, now=NOW + 20)
        if written.subject != subject:
            yield "a user becomes another user"
        if "reauthenticate" in request.verbs and written.authenticated_at != NOW:
            yield "an authentication is lost"
        begins = any(verb in ENDS for verb in request.verbs)
        elsewhere = any("revoke_others" in one.verbs for one in self.requests if one is not request)
        if begins and not elsewhere and request.error is None and not self.lives(request.token):
            yield "a sign-in is dead"


def orders(
    pair: tuple[tuple[str, ...], tuple[str, ...]],
    *,
    subject: str | None = ADA,
    deaf: bool = False,
    twice: bool = False,
    listed: bool = False,
    make: Callable[[], MemoryStore] = MemoryStore,
) -> Iterator[tuple[str, World]]:
    """Give the world at the end of each order, with the order as a row of 0 and 1."""
    nodes = Nodes(make, subject=subject, deaf=deaf, listed=listed)
    todo = [""]
    while todo:
        order = todo.pop()
        world = World.begin(pair, nodes, twice=twice)
        done = ""
        while any(request.waits for request in world.requests):
            can = [number for number in (0, 1) if world.requests[number].waits]
            if len(done) < len(order):
                chosen = int(order[len(done)])
            else:
                chosen = can[0]
                if len(can) > 1:
                    todo.append(f"{done}1")
            world.requests[chosen].go_on()
            done += str(chosen)
        yield done, world
