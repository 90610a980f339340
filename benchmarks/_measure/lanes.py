"""The tasks of the run: who encodes and decodes which state."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

import tokensession
from _measure.limit import Limit
from _measure.peers import Peer, all_peers
from _measure.rounds import Task, repeated
from _measure.states import STATES, TYPICAL
from tokensession import KeyRing, Policy, SessionCodec
from tokensession.tokens import sealing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from _measure.states import State

LIMIT: Final = "hand-composed limit"
COLD_LIMIT: Final = "limit, cold salt"
OWN: Final = "tokensession HS256"
COLD: Final = "tokensession HS256, cold salt"
FUNCTIONS: Final = "tokensession functions"
TYPED: Final = "tokensession HS256, typed state"
ALGORITHMS: Final = ("Ed25519", "ES256")
OPERATIONS: Final = ("encode", "decode")
RING_GROUP: Final = "ring"
ONE_KEY: Final = "1 key"
MANY_KEYS: Final = "1,000 keys"

_COLD_TOKENS: Final = 128  # the most that one turn of a cold decode reads


def asymmetric(algorithm: str) -> str:
    """Return the name of the row of an asymmetric algorithm."""
    return f"tokensession {algorithm}"


def bare(algorithm: str) -> str:
    """Return the name of the row of a signature alone."""
    return f"bare {algorithm}"


def in_turn(algorithm: str) -> str:
    """Return the name of the row of an HS256 call and a signature alone, in turn."""
    return f"HS256, then bare {algorithm}"


def group(state: State, operation: str) -> str:
    """Return the name of a group of tasks."""
    return f"{state.name} {operation}"


@dataclass
class Lanes:
    """Every task of the run.

    Attributes:
        tasks: What to time.
        rows: The names of the rows, in the order of the tables.
        characters: The length of the token, by state and row.
        encrypted: The rows whose tokens hide the state.
        peers: The rows of other libraries.
    """

    tasks: list[Task] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    characters: dict[tuple[str, str], int] = field(default_factory=dict)
    encrypted: set[str] = field(default_factory=set)
    peers: list[str] = field(default_factory=list)

    def add(self, state: State, peer: Peer, value: Any) -> None:
        """Add both operations of a codec on one state, once it has read what it wrote."""
        token = peer.encode(value)
        peer.decode(token)
        self.add_task(state, "encode", peer.name, repeated(peer.encode, value))
        self.add_task(state, "decode", peer.name, repeated(peer.decode, token))
        self.describe(state, peer.name, peer.characters(token), encrypted=peer.encrypted)

    def add_task(
        self,
        state: State,
        operation: str,
        name: str,
        prepare: Callable[[int], tuple[Callable[[Any], object], Sequence[Any]]],
    ) -> None:
        """Add one operation on one state."""
        self.tasks.append(Task(group(state, operation), name, prepare))

    def describe(self, state: State, name: str, characters: int, *, encrypted: bool) -> None:
        """Note what a row's tokens are like."""
        self.characters[state.name, name] = characters
        if name not in self.rows:
            self.rows.append(name)
        if encrypted:
            self.encrypted.add(name)


def all_lanes() -> Lanes:
    """Return the tasks of the whole run."""
    lanes = Lanes()
    ring = KeyRing.generate()
    limit = _limit(ring)
    others = all_peers()
    lanes.peers = [peer.name for peer in others]
    rings = {algorithm: KeyRing.generate(algorithm) for algorithm in ALGORITHMS}
    for state in STATES:
        lanes.add(state, Peer(LIMIT, limit.encode, limit.decode, encrypted=True), state.value)
        _add_own(lanes, state, ring)
        _add_cold(lanes, state, ring, limit)
        for algorithm in ALGORITHMS:
            codec = _codec(rings[algorithm])
            name = asymmetric(algorithm)
            lanes.add(state, Peer(name, codec.encode, codec.decode, encrypted=True), state.value)
            _add_bare(lanes, state, algorithm, _codec(ring))
        for peer in others:
            lanes.add(state, peer, state.value)
    _add_rings(lanes, ring)
    return lanes


def _limit(ring: KeyRing) -> Limit:
    """Return the limit with the ring's key; the two read each other's tokens."""
    (jwk,) = ring.to_jwks(private=True)["keys"]
    limit = Limit(urlsafe_b64decode(jwk["k"] + "=="), jwk["kid"])
    state = TYPICAL.value
    assert tokensession.decode(limit.encode(state), ring).state == state
    assert tokensession.decode(limit.encode_fresh(state), ring).state == state
    assert limit.decode_unseen(tokensession.encode(state, ring)) == state
    return limit


def _add_own(lanes: Lanes, state: State, ring: KeyRing) -> None:
    codec = _codec(ring)
    lanes.add(state, Peer(OWN, codec.encode, codec.decode, encrypted=True), state.value)

    def encode(value: Any) -> str:
        return tokensession.encode(value, ring)

    def decode(token: str) -> object:
        return tokensession.decode(token, ring)

    lanes.add(state, Peer(FUNCTIONS, encode, decode, encrypted=True), state.value)

    typed = SessionCodec(ring, policy=Policy(), state_type=state.type)
    lanes.add(state, Peer(TYPED, typed.encode, typed.decode, encrypted=True), state.typed())


def _add_cold(lanes: Lanes, state: State, ring: KeyRing, limit: Limit) -> None:
    """Add the rows in which no derived key is at hand: a fleet's tokens carry many salts."""
    first, *tokens = [_codec(ring).encode(state.value) for _ in range(_COLD_TOKENS + 1)]

    def unseen(calls: int) -> tuple[Callable[[Any], object], Sequence[Any]]:
        codec = _codec(ring)
        codec.decode(first)  # what is derived once for all salts is no part of this
        return codec.decode, tokens[:calls]

    codec = _codec(ring)
    with _salt_per_token():
        salts = [_salt(codec.encode(state.value)) for _ in "ab"]
    assert salts[0] != salts[1], "the encoder kept its salt: the cold row would not be cold"
    fresh = Task(group(state, "encode"), COLD, repeated(codec.encode, state.value), _salt_per_token)
    lanes.tasks.append(fresh)
    lanes.add_task(state, "decode", COLD, unseen)
    lanes.describe(state, COLD, len(first), encrypted=True)

    lanes.add_task(state, "encode", COLD_LIMIT, repeated(limit.encode_fresh, state.value))
    lanes.add_task(state, "decode", COLD_LIMIT, lambda calls: (limit.decode_unseen, tokens[:calls]))
    lanes.describe(state, COLD_LIMIT, len(first), encrypted=True)


def _codec(ring: KeyRing) -> SessionCodec[Any]:
    return SessionCodec(ring, policy=Policy())


def _salt(token: str) -> bytes:
    payload = token.split(".")[1]
    return urlsafe_b64decode(payload + "=" * (-len(payload) % 4))[1:9]


def _salt_per_token() -> mock._patch[int]:
    """Let every token be sealed with a salt of its own while this is entered."""
    return mock.patch.object(sealing, "TOKENS_PER_SALT", 1)


def _add_bare(lanes: Lanes, state: State, algorithm: str, hs256: SessionCodec[Any]) -> None:
    """Add a signature and its verification alone, and each after the HS256 call.

    In turn they take longer than the sum of two loops, as they do inside an asymmetric token.
    """
    token = hs256.encode(state.value)
    signed = token.rpartition(".")[0].encode()
    engine: Any
    private: Any
    if algorithm == "Ed25519":
        engine, private = OKPAlgorithm(), Ed25519PrivateKey.generate()
    else:
        engine, private = ECAlgorithm(ECAlgorithm.SHA256), generate_private_key(SECP256R1())
    public = private.public_key()
    signature = engine.sign(signed, private)
    assert engine.verify(signed, public, signature)

    def sign(message: bytes) -> None:
        engine.sign(message, private)

    def verify(message: bytes) -> None:
        engine.verify(message, public, signature)

    def encode_and_sign(value: Any) -> None:
        hs256.encode(value)
        engine.sign(signed, private)

    def decode_and_verify(text: str) -> None:
        hs256.decode(text)
        engine.verify(signed, public, signature)

    lanes.add_task(state, "encode", bare(algorithm), repeated(sign, signed))
    lanes.add_task(state, "decode", bare(algorithm), repeated(verify, signed))
    lanes.add_task(state, "encode", in_turn(algorithm), repeated(encode_and_sign, state.value))
    lanes.add_task(state, "decode", in_turn(algorithm), repeated(decode_and_verify, token))


def _add_rings(lanes: Lanes, ring: KeyRing) -> None:
    """Add the decoding of one token with a small and a large ring."""
    keys = [*ring]
    keys += [key for _ in range(999) for key in KeyRing.generate()]
    token = _codec(ring).encode(TYPICAL.value)
    for name, some in ((ONE_KEY, ring), (MANY_KEYS, KeyRing(keys))):
        lanes.tasks.append(Task(RING_GROUP, name, repeated(_codec(some).decode, token)))
