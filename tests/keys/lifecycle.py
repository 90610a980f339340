"""A key document in the hands of operators, and the processes that follow it: what must hold.

Time is true time in seconds; a clock that is `skew` ahead reads `time + skew`. The library decides
all that it decides in production: what operators do, what processes take over, and tokens. A
process is **in contact** while it has heard of every document older than `CONTACT`. The laws:

A. No key that has had no time to spread signs in a process that has another usable one.
B. A process in contact refuses no valid token.
C. A key that a process has heard to be revoked is revoked there until it restarts, and every
   session that it has signed for is refused, also after any restore.
D. A minter's document has a key that can sign and has no end, and a minter in contact can sign.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.conftest import NOW
from tokensession.errors import Revoked, TokenError, UnknownKey
from tokensession.keys.ring import KeyRing
from tokensession.keys.rotation import revoke_key
from tokensession.keys.schedule import Schedule
from tokensession.keys.source import parse_ring, update
from tokensession.keys.succession import judge
from tokensession.tokens.codec import UNLIMITED, SessionCodec
from tokensession.tokens.functions import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_SKEW: Final = 30
PROPAGATION: Final = 900
CONTACT: Final = PROPAGATION - 2 * MAX_SKEW
SCHEDULE: Final = Schedule(period=5000, propagation=PROPAGATION, token_lifetime=1800)
_RENEWED: Final = 6  # tokens that are kept beside the last one of each key


class Document(NamedTuple):
    """A document that the processes should follow: when it was written, and how in a hurry."""

    at: int
    ring: KeyRing
    text: bytes
    urgent: bool = False


class Token(NamedTuple):
    """A token, all keys that have signed for its session, and its end by its reader's clock."""

    text: str
    kid: str
    signers: frozenset[str]
    dies: int
    ttl: int
    lawful: bool = True  # a process in contact made it


@dataclass
class Process:
    """A process that follows the document; a reader gets an export."""

    skew: int
    reads_only: bool
    ring: KeyRing
    version: int | None = 0  # None: it follows no document that it should
    deaf: bool = False
    ended: set[str] = field(default_factory=set)  # what it has heard to be revoked


class Place:
    """A source that tells the world of each document; a rival can write just before a writer."""

    name = "document"

    def __init__(self, text: bytes, written: Callable[[bytes], None]) -> None:
        self.text = text
        self.rival: Callable[[], None] | None = None
        self._written = written

    def read(self) -> bytes:
        """Return what was written last."""
        return self.text

    def write(self, document: bytes, *, over: bytes | None) -> bool:
        """Replace what is there still."""
        rival, self.rival = self.rival, None
        if rival is not None:
            rival()
        if over != self.text:
            return False
        self.text = document
        self._written(document)
        return True


class World:
    """The documents, the processes and the tokens."""

    def __init__(self, ring: KeyRing, processes: list[tuple[int, bool]]) -> None:
        self.now = NOW
        self.place = Place(ring.to_json(), self._written)
        self.documents = [Document(NOW, ring, self.place.text)]
        self.published = {key.kid: 0 for key in ring}
        self.revoked: dict[str, int] = {}  # when each key was, in what the processes should follow
        self.strays: list[KeyRing] = []  # what operators have written over a restored document
        self.hurried: set[str] = set()  # keys that an operator has told to sign at once
        self.last: dict[str, Token] = {}  # of each key, the token that dies last
        self.renewed: list[Token] = []
        self.idle_timeout = SCHEDULE.token_lifetime  # of the policy that all minters have
        self._urgent = False
        self.restored = False
        self._parsed: dict[tuple[bytes, bool], KeyRing] = {}
        self.processes = [
            Process(skew, reads_only, self.parse(self.place.text, reads_only=reads_only))
            for skew, reads_only in processes
        ]

    def parse(self, text: bytes, *, reads_only: bool) -> KeyRing:
        """Return the ring of a document, or of its export."""
        known = self._parsed.get((text, reads_only))
        if known is None:
            known = parse_ring("document", text)
            known = self._parsed[text, reads_only] = known.reader() if reads_only else known
        return known

    @property
    def tokens(self) -> list[Token]:
        """Return the tokens that are looked at."""
        return [*self.last.values(), *self.renewed]

    def in_contact(self, process: Process) -> bool:
        """Tell whether a process has heard of every document that is old enough."""
        if process.version is None:
            return False
        unheard = self.documents[process.version + 1 :]
        return all(document.at > self.now - CONTACT for document in unheard)

    # -- what operators do -------------------------------------------------------------------

    def change(
        self,
        change: Callable[[KeyRing], KeyRing],
        *,
        rival: Callable[[KeyRing], KeyRing] | None = None,
        urgent: bool = False,
    ) -> None:
        """Let an operator change the document, and a rival do so between reading and writing."""
        if rival is not None:
            self.place.rival = partial(self.change, rival, urgent=urgent)
        self._urgent = urgent
        update(self.place, change)
        self.place.rival = None

    def _written(self, text: bytes) -> None:
        ring = self.parse(text, reads_only=False)
        lasting = [key for key in ring if key.can_mint and not key.revoked and key.exp is None]
        assert lasting, "D: each key has an end"
        if self.restored:
            self.strays.append(ring)
        else:
            self._publish(ring, text, urgent=self._urgent)

    def _publish(self, ring: KeyRing, text: bytes, *, urgent: bool) -> None:
        self.documents.append(Document(self.now, ring, text, urgent))
        for key in ring:
            self.published.setdefault(key.kid, self.now)
            if key.revoked:
                self.revoked.setdefault(key.kid, self.now)

    def restore(self, version: int, *, renumbered: bool) -> None:
        """Put an old document back, as it was or with a serial that processes take over."""
        old = self.documents[version]
        self.restored = True
        self.place.text = old.text
        if renumbered:
            serial = self.documents[-1].ring.serial + 1
            ring = KeyRing(old.ring, serial=serial, members=old.ring.members)
            self.place.text = ring.to_json()
            self.strays.append(ring)

    def mend(self, clock: int) -> None:
        """Put the right document back, with every revocation and a serial above all others."""
        last = self.documents[-1]
        if not self.strays:
            self.place.text = last.text
        else:
            ring = last.ring
            strays = [key.kid for stray in self.strays for key in stray if key.revoked]
            for kid in dict.fromkeys(strays):
                ring, _ = revoke_key(ring, kid, clock, unlisted=True)
            serial = 1 + max(other.serial for other in (*self.strays, ring))
            ring = KeyRing(ring, serial=serial, members=ring.members)
            self.place.text = ring.to_json()
            self._publish(self.parse(self.place.text, reads_only=False), self.place.text,
                          urgent=True)  # fmt: skip
        self.strays.clear()
        self.restored = False

    # -- what processes do -------------------------------------------------------------------

    def hear(self, process: Process) -> None:
        """Let a process read the source, as a watcher does."""
        text = self.place.text
        if process.reads_only:
            text = self.parse(text, reads_only=True).to_json()
        verdict = judge(process.ring, "document", text)
        if self.restored:
            if verdict.ring is not process.ring:
                process.version = None
        else:
            assert verdict.problem is None, f"a good document is not taken over: {verdict.problem}"
            process.version = len(self.documents) - 1
        if verdict.ring is not process.ring:
            same = verdict.problem is None
            process.ring = (
                self.parse(self.place.text, reads_only=process.reads_only) if same else verdict.ring
            )
        process.ended |= {key.kid for key in process.ring if key.revoked}

    def restart(self, process: Process) -> None:
        """Start a process anew, with the document that is there."""
        process.ring = self.parse(self.place.text, reads_only=process.reads_only)
        process.ended = {key.kid for key in process.ring if key.revoked}
        process.version = None if self.restored else len(self.documents) - 1

    def renew(self, process: Process, token: Token) -> None:
        """Let a process renew what it accepts; one that has not heard for long does so too."""
        clock = self.now + process.skew
        codec: SessionCodec[object] = SessionCodec(process.ring, policy=UNLIMITED)
        try:
            text = codec.renew(codec.decode(token.text, now=clock), now=clock)
        except TokenError:
            return
        session = codec.decode(text, now=clock)
        signers = token.signers | {session.kid}
        assert {session.kid, *session.signers} == signers, "a renewal forgets a signer"
        lawful = token.lawful and self.in_contact(process)
        made = Token(text, session.kid, signers, session.expires_at, token.ttl, lawful)
        self.renewed = [*self.renewed, made][-_RENEWED:]

    def wait(self, until: int) -> None:
        """Let time pass; who is not deaf hears of each document in time."""
        while True:
            due = [(self._deadline(process), index) for index, process in enumerate(self.processes)]
            at, index = min((one for one in due if one[0] <= until), default=(until, -1))
            self.now = max(self.now, int(at))
            if index < 0:
                break
            self.hear(self.processes[index])
            self.look()

    def _deadline(self, process: Process) -> float:
        if process.deaf or self.restored:
            return float("inf")
        unheard = self.documents[0 if process.version is None else process.version + 1 :]
        return unheard[0].at + CONTACT if unheard else float("inf")

    # -- what must hold ----------------------------------------------------------------------

    def look(self) -> None:
        """Check the laws."""
        near = [process for process in self.processes if self.in_contact(process)]
        for process in near:
            if not process.reads_only:
                self._sign(process)
        for process in self.processes:
            ring = process.ring
            undone = [kid for kid in process.ended if kid not in ring or not ring[kid].revoked]
            assert not undone, f"C: {', '.join(undone)} came back"
        dead = min(self.now + process.skew for process in self.processes)
        self.last = {kid: token for kid, token in self.last.items() if token.dies > dead}
        self.renewed = [token for token in self.renewed if token.dies > dead]
        for token in self.tokens:
            for process in self.processes:
                self._read(process, token)

    def _sign(self, process: Process) -> None:
        ring, clock = process.ring, self.now + process.skew
        signer = ring.active(clock)
        assert signer is not None, "D: no key can sign"
        old = self.now - CONTACT
        assert self.revoked.get(signer.kid, self.now) > old, f"C: {signer.kid} signs"
        if self.published[signer.kid] > old and signer.kid not in self.hurried:
            spread = [
                key.kid
                for key in ring
                if key.can_mint and key.verifies(clock) and self.published[key.kid] <= old
            ]
            assert not spread, f"A: {signer.kid} signs before it has spread; {spread} can"
        ttl = min(self.idle_timeout, ring.numbers.token_lifetime)
        dies = clock + ttl
        known = self.last.get(signer.kid)
        if known is None or known.dies < dies:
            text = encode({}, ring, ttl=ttl, now=clock)
            self.last[signer.kid] = Token(text, signer.kid, frozenset([signer.kid]), dies, ttl)

    def _read(self, process: Process, token: Token) -> None:
        clock = self.now + process.skew
        if clock >= token.dies:
            return
        code = _refusal(process.ring, token, clock)
        if token.signers & process.ended:
            assert code in (UnknownKey.code, Revoked.code), f"C: {token.kid} is read: {code}"
        if not self.in_contact(process):
            return
        ended = [self.revoked[kid] for kid in token.signers if kid in self.revoked]
        if ended:
            assert code or min(ended) > self.now - CONTACT, f"C: {token.kid} is read after all"
        elif code and token.lawful:
            unheard = self.documents[(process.version or 0) + 1 :]
            excused = any(document.urgent for document in unheard)
            excused = excused and not _refusal(self.documents[-1].ring, token, clock)
            assert excused, f"B: a valid token of {token.kid} is refused: {code}"


def _refusal(ring: KeyRing, token: Token, clock: int) -> str | None:
    try:
        decode(token.text, ring, now=clock)
    except TokenError as error:
        return error.code
    return None
