"""Run the cases of claims.json and tokens.json: reading, every layer, and writing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokensession.errors import UnknownKey
from tokensession.format.base64url import b64url_decode
from tokensession.format.claims import Claims, write_claims
from tokensession.format.seconds import whole_seconds
from tokensession.format.state import checked_state
from tokensession.format.untyped_state import UntypedState
from tokensession.keys.ring import KeyRing
from tokensession.sessions.policy import Policy
from tokensession.tokens.codec import SessionCodec
from tokensession.tokens.sealing import Salt, TokenKey, context_bytes, derive
from tokensession.tools.vectors.tagged import compare, same, value

if TYPE_CHECKING:
    from tokensession.tools.vectors.files import Case

_FIELD_TYPES: Final = {"int": int, "str": str, "bool": bool, "bin": bytes}


def run_claims(case: Case, _: dict[str, Any]) -> tuple[str, str | None]:
    """Read the plaintext of a token."""
    claims, _none = UntypedState().read(bytes.fromhex(case["plaintext"]))
    return "ok", _compare_claims(claims, case.get("claims"))


def run_tokens(case: Case, content: dict[str, Any]) -> tuple[str, str | None]:
    """Read a token, take it apart, and make it again."""
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
        return error.code, compare("key_state", error.key_state, case.get("key_state"))
    expected = case.get("claims")
    if expected is None:
        return "ok", None
    state = session.state
    if fields is not None:  # only the fields are compared; other members do not matter to the type
        given = value(expected["state"])
        state = given | {field: getattr(state, field) for field in fields}
    age = session.issued_at - session.started_at
    # A session without a subject does not show these values, so read its claims.
    at, keys = whole_seconds(case["now"]), codec.rings.current()
    auth = codec.reader.open(case["token"], at, keys).claims.auth
    claims = Claims(
        session.sid, session.issued_at, session.ttl, age, session.subject, state, session.cap,
        signers=session.signers or None, auth=auth,
    )  # fmt: skip
    key = TokenKey(ring[session.kid], context_bytes(codec.context))
    complaint = _compare_claims(claims, expected) or _compare_layers(case, key)
    return "ok", complaint or _compare_writing(case, key)


def _compare_claims(claims: Claims[Any], expected: Case | None) -> str | None:
    if expected is None:
        return None
    signers = None if claims.signers is None else list(claims.signers)
    dates = (claims.sid.hex(), claims.iat, claims.ttl, claims.age)
    found = (*dates, claims.sub, claims.cap, signers, claims.auth)
    names = ("sid", "iat", "ttl", "age", "sub", "cap", "signers", "auth")
    if found != tuple(expected[name] for name in names):
        return f"claims: {found} are not those expected"
    return None if same(claims.state, value(expected["state"])) else "claims: another state"


def _compare_layers(case: Case, key: TokenKey) -> str | None:
    """Take the token apart, and compare all intermediate values."""
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
    """Make the token again from the claims and random bytes of the case, if that is possible."""
    if not case["writable"] or not key.key.can_mint:
        return None
    layers, claims = case["layers"], case["claims"]
    salt, nonce, sid = (
        bytes.fromhex(text) for text in (layers["salt"], layers["nonce"], claims["sid"])
    )
    state = checked_state(value(claims["state"]))
    dates = (claims["iat"], claims["ttl"], claims["age"])
    plaintext = write_claims(
        sid, *dates, claims["sub"], state, claims["cap"],
        signers=tuple(claims["signers"] or ()), auth=claims["auth"],
    )  # fmt: skip
    token = key.token(plaintext, Salt(salt, key.cipher(salt)), nonce).decode("ascii")
    return compare("token", token, case["token"])
