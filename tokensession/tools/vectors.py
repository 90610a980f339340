"""Runs the test vectors of the format against this library (vectors/README.md).

Each case is turned into one word of a closed list, and into a complaint when the word or a value
is not the expected one.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokensession.errors import (
    BadState,
    ConfigError,
    StateError,
    StoreError,
    TokenError,
    UnknownKey,
)
from tokensession.format.base64url import b64url_decode
from tokensession.format.claims import Claims, UntypedState, write_claims
from tokensession.format.state import checked_state, pack_state
from tokensession.keys.known_secrets import check_unpublished
from tokensession.keys.ring import KeyRing
from tokensession.overflow.reference import reference_of, seal_with, unseal
from tokensession.revocation import decision
from tokensession.sessions.policy import Policy
from tokensession.tokens.codec import SessionCodec
from tokensession.tokens.sealing import Salt, TokenKey, context_bytes, derive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FORMAT: Final = "tokensession/v1"
CODES: Final = frozenset(error.code for error in TokenError.__subclasses__())
# What each file's cases may expect: closed lists.
WORDS: Final = {
    "derivation": {"ok", "config_error"},
    "claims": {"ok", "bad_claims"},
    "states": {"ok"},
    "keys": {"ok", "config_error"},
    "tokens": {"ok"} | CODES,
    "revocation": {"ok", "revoked", "store_error"},
    "overflow": {"ok", "bad_state"},
    "writing": {"ok", "state_error"},
}
_FIELD_TYPES: Final = {"int": int, "str": str, "bool": bool, "bin": bytes}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Case = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case: the word it gave, and a complaint or None."""

    id: str
    word: str
    complaint: str | None


class VectorError(Exception):
    """Vector files that are missing, damaged, or of another format than this runner's."""


def run(folder: Path) -> Iterator[Outcome]:
    """Run every case of every file in `folder`, in the order in which to implement.

    Raises:
        VectorError: A file is missing or damaged, has a wrong count, or uses unknown words.
    """
    for name in WORDS:
        content = load(folder, name)
        for case in content["cases"]:
            yield run_case(name, case, content)


def load(folder: Path, name: str) -> dict[str, Any]:
    """Return one vector file, after checking its frame.

    Raises:
        VectorError: It is missing or damaged, has a wrong count, or uses unknown words.
    """
    try:
        content: dict[str, Any] = json.loads((folder / f"{name}.json").read_bytes())
        cases = content["cases"]
        words = {word for case in cases for word in (case["expect"], *case.get("acceptable", ()))}
        if content["format"] != FORMAT or content["name"] != name:
            raise VectorError(f"{name}.json: not the file {name!r} of format {FORMAT}")
        if content["count"] != len(cases) or len({case["id"] for case in cases}) != len(cases):
            raise VectorError(f"{name}.json: count is not the number of different cases")
    except FileNotFoundError as error:
        raise VectorError(
            f"{name}.json is not in {folder}: name the folder of the files"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VectorError(f"{name}.json: {type(error).__name__}: {error}") from error
    if not words <= WORDS[name]:
        raise VectorError(f"{name}.json: unknown words {sorted(words - WORDS[name])}")
    return content


def run_case(name: str, case: Case, content: dict[str, Any]) -> Outcome:
    """Run one case of the file `name`, whose whole content some cases refer to."""
    word, complaint = _RUNNERS[name](case, content)
    allowed = [case["expect"], *case.get("acceptable", ())]
    if word not in allowed:
        complaint = f"gave {word}, expected {' or '.join(allowed)}"
    return Outcome(case["id"], word, complaint)


def _run_derivation(case: Case, _: dict[str, Any]) -> tuple[str, str | None]:
    try:
        context = context_bytes(value(case["context"]))
    except ConfigError:
        return "config_error", None
    secret, salt = bytes.fromhex(case["secret"]), bytes.fromhex(case["salt"])
    keys = (derive(secret, b"sig", context), derive(secret, b"enc", context, salt))
    return "ok", _compare("keys", [key.hex() for key in keys], [case["sig_key"], case["enc_key"]])


def _run_claims(case: Case, _: dict[str, Any]) -> tuple[str, str | None]:
    try:
        claims, _none = UntypedState().read(bytes.fromhex(case["plaintext"]))
    except TokenError as error:
        return error.code, None
    return "ok", _compare_claims(claims, case.get("claims"))


def _run_states(case: Case, _: dict[str, Any]) -> tuple[str, str | None]:
    ring = KeyRing.from_jwks(case["document"])
    for moment in case["times"]:
        active = ring.active(moment["now"])
        found = (ring.states(moment["now"]), None if active is None else active.kid)
        complaint = _compare(f"at {moment['now']}", found, (moment["states"], moment["active"]))
        if complaint is not None:
            return "ok", complaint
    return "ok", None


def _run_keys(case: Case, _: dict[str, Any]) -> tuple[str, str | None]:
    try:
        running = KeyRing.from_jwks(case["running"]) if "running" in case else None
        document: Any = case["text"] if "text" in case else case["document"]
        ring = KeyRing.from_jwks(document, running=running)
        if case.get("from_file"):
            check_unpublished(ring)
    except ConfigError:
        return "config_error", None
    kids = [
        {"kid": key.kid, "algorithm": key.algorithm, "can_mint": key.can_mint}
        for key in sorted(ring, key=lambda key: key.kid)
    ]
    return "ok", _compare("keys", kids, sorted(case["kids"], key=lambda kid: str(kid["kid"])))


def _run_tokens(case: Case, content: dict[str, Any]) -> tuple[str, str | None]:
    ring = KeyRing.from_jwks(content["rings"][case["ring"]])
    policy = Policy(
        absolute_timeout=case["absolute_timeout"], longest=case["longest"], leeway=case["leeway"]
    )
    fields = case.get("fields")
    state_type = None
    if fields is not None:
        state_type = msgspec.defstruct("State", [(k, _FIELD_TYPES[v]) for k, v in fields.items()])
    codec: SessionCodec[Any] = SessionCodec(
        ring, context=case["context"], policy=policy, state_type=state_type
    )
    try:
        session = codec.decode(case["token"], now=case["now"])
    except UnknownKey as error:
        return error.code, _compare("key_state", error.key_state, case.get("key_state"))
    except TokenError as error:
        return error.code, None
    expected = case["claims"]
    state = session.state
    if fields is not None:  # the fields are compared, further members are not the type's business
        given = value(expected["state"])
        state = given | {field: getattr(state, field) for field in fields}
    age = session.issued_at - session.started_at
    claims = Claims(
        session.sid, session.issued_at, session.ttl, age, session.subject, state, session.cap
    )
    key = TokenKey(ring[session.kid], context_bytes(codec.context))
    complaint = _compare_claims(claims, expected) or _compare_layers(case, key)
    return "ok", complaint or _compare_writing(case, key)


def _run_revocation(case: Case, _: dict[str, Any]) -> tuple[str, str | None]:
    if "operation" in case:
        try:
            result = _OPERATIONS[case["operation"]](case["given"])
        except StoreError:
            return "store_error", None
        return "ok", _compare("result", result, case.get("result"))
    session, entries = case["session"], case["entries"]
    key = decision.subject_key(session["sub"])
    marks = {bytes.fromhex(mark["subject"]): mark for mark in entries["marks"]}
    mark = _NO_MARK if key is None else marks.get(key, _NO_MARK)
    revoked = decision.is_revoked(
        bytes.fromhex(session["sid"]),
        session["start"],
        denied=session["sid"] in entries["denied"],
        everyone=_instant(entries["everyone"]),
        mark=_instant(mark["instant"]),
        kept=None if mark["kept"] is None else bytes.fromhex(mark["kept"]),
    )
    return "revoked" if revoked else "ok", None


_NO_MARK: Final[Case] = {"instant": None, "kept": None}


def _instant(value: int | None) -> int:
    return decision.NEVER if value is None else value


def _next_mark(given: Case) -> int:
    mark = given["mark"]
    former = None if mark is None else decision.Mark(mark, None, 0, 1)
    return decision.next_mark(former, _instant(given["everyone"]), None, given["now"], 1).instant


def _begin(given: Case) -> int:
    entries = decision.Entries(everyone=_instant(given["everyone"]), mark=_instant(given["mark"]))
    return decision.first_start(entries, now=given["now"], leeway=given["leeway"])


_OPERATIONS: Final[dict[str, Callable[[Case], int]]] = {
    "revoke_subject": _next_mark,
    "revoke_all": lambda given: decision.next_everyone(
        _instant(given["everyone"]), _instant(given["highest"]), given["now"]
    ),
    "revoke_before": lambda given: decision.everyone_before(
        _instant(given["everyone"]), given["before"]
    ),
    "begin": _begin,
}


def _run_overflow(case: Case, _: dict[str, Any]) -> tuple[str, str | None]:
    sid, context = bytes.fromhex(case["sid"]), context_bytes(case["context"])
    entry = None if case["entry"] is None else bytes.fromhex(case["entry"])
    state = value(case["state"])
    try:
        reference = reference_of(state)
        if reference is None:
            return "ok", "the state is no reference"
        packed = unseal(reference, entry, sid, context)
        UntypedState().read_state(packed)
    except BadState as error:
        return error.code, None
    written, sealed = seal_with(reference.key, packed, sid, context)
    return "ok", (
        _compare("packed", packed.hex(), case.get("packed"))
        or _compare("reference", written.state, state)
        or _compare("entry", sealed, entry)
    )


def _run_writing(case: Case, _: dict[str, Any]) -> tuple[str, str | None]:
    try:
        packed = pack_state(value(case["state"]))
    except StateError as error:
        return "state_error", _compare("path", error.path, case.get("path"))
    return "ok", _compare("msgpack", packed.hex(), case.get("msgpack"))


_RUNNERS: Final[dict[str, Callable[[Case, dict[str, Any]], tuple[str, str | None]]]] = {
    "derivation": _run_derivation,
    "claims": _run_claims,
    "states": _run_states,
    "keys": _run_keys,
    "tokens": _run_tokens,
    "revocation": _run_revocation,
    "overflow": _run_overflow,
    "writing": _run_writing,
}


def value(tagged: Any) -> Any:
    """Return the value that tagged JSON stands for."""
    if isinstance(tagged, list):
        return [value(item) for item in tagged]
    if not isinstance(tagged, dict):
        return tagged
    if len(tagged) == 1:
        ((tag, content),) = tagged.items()
        if tag in _TAGS:
            return _TAGS[tag](content)
    return {key: value(item) for key, item in tagged.items()}


_TAGS: Final[dict[str, Callable[[Any], Any]]] = {
    "$float": float,
    "$bin": bytes.fromhex,
    "$int": int,
    "$timestamp": lambda pair: _EPOCH + timedelta(seconds=pair[0], microseconds=pair[1] / 1000),
    "$utf16": lambda units: bytes.fromhex(units).decode("utf-16-be", "surrogatepass"),
    "$map": lambda pairs: {value(key): value(item) for key, item in pairs},
}


def _compare(what: str, found: object, expected: object) -> str | None:
    return None if found == expected else f"{what}: {found} is not {expected}"


def _compare_claims(claims: Claims[Any], expected: Case | None) -> str | None:
    if expected is None:
        return None
    found = (claims.sid.hex(), claims.iat, claims.ttl, claims.age, claims.sub, claims.cap)
    names = ("sid", "iat", "ttl", "age", "sub", "cap")
    if found != tuple(expected[name] for name in names):
        return f"claims: {found} are not those expected"
    return None if _same(claims.state, value(expected["state"])) else "claims: another state"


def _compare_layers(case: Case, key: TokenKey) -> str | None:
    """Take the token apart, and compare every value on the way."""
    segments = case["token"].split(".")
    header, payload, signature = (b64url_decode(segment.encode("ascii")) for segment in segments)
    salt, nonce, sealed = payload[1:9], payload[9:21], payload[21:]
    material = key.key
    secret, context = material.secret or b"", context_bytes(case["context"])
    found = {
        "enc_key": derive(secret, b"enc", context, salt).hex(),
        "header": header.decode(),
        "salt": salt.hex(),
        "nonce": nonce.hex(),
        "plaintext": key.cipher(salt).decrypt(nonce, sealed, key.header).hex(),
        "payload": payload.hex(),
        "signing_input": ".".join(segments[:2]),
        "signature": signature.hex(),
    }
    if material.algorithm == "HS256":
        found["sig_key"] = derive(secret, b"sig", context).hex()
    else:
        (jwk,) = material.to_jwks()
        halves = (jwk[name].encode("ascii") for name in ("x", "y") if name in jwk)
        found["public_key"] = b"".join(map(b64url_decode, halves)).hex()
    layers = case["layers"]
    wrong = [name for name in {**layers, **found} if found.get(name) != layers.get(name)]
    return f"layers: {', '.join(wrong)}" if wrong else None


def _compare_writing(case: Case, key: TokenKey) -> str | None:
    """Make the token again from the claims and the random bytes of the case, where one can."""
    if not case["writable"] or not key.key.can_mint:
        return None
    layers, claims = case["layers"], case["claims"]
    salt, nonce, sid = (
        bytes.fromhex(text) for text in (layers["salt"], layers["nonce"], claims["sid"])
    )
    state = checked_state(value(claims["state"]))
    dates = (claims["iat"], claims["ttl"], claims["age"])
    plaintext = write_claims(sid, *dates, claims["sub"], state, claims["cap"])
    token = key.token(plaintext, Salt(salt, key.cipher(salt)), nonce).decode("ascii")
    return _compare("token", token, case["token"])


def _same(found: Any, expected: Any) -> bool:
    """Compare values and types; the sign of zero counts, as does bool against int."""
    if type(found) is not type(expected):
        return False
    if isinstance(found, dict):
        return found.keys() == expected.keys() and all(_same(found[k], expected[k]) for k in found)
    if isinstance(found, list):
        return len(found) == len(expected) and all(map(_same, found, expected))
    if isinstance(found, float):
        return found == expected and math.copysign(1, found) == math.copysign(1, expected)
    return bool(found == expected)
