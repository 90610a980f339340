"""Random cases: plaintexts, tokens, key documents and states to write."""

from __future__ import annotations

import json
import math
import struct
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from tokensession.base64url import b64url_encode
from tokensession.tokenkeys import TokenKey, context_bytes

from . import forms

if TYPE_CHECKING:
    from random import Random

    from tokensession import KeyRing

NOW = 1785000000
CONTEXTS = ["session", "shop", "a", "é" * 100]
MAX_SECONDS = 2**32 - 1
MAX_INT = 2**53 - 1


def plaintext(rng: Random, dates: tuple[int, int, int] | None = None) -> bytes:
    """Return claims; about half are right in all that is not the state."""
    iat, ttl, age = dates or (
        rng.choice((0, 1, NOW, MAX_INT, NOW)),
        rng.choice((1, 3600, MAX_SECONDS)),
        rng.choice((0, 1, 3600)),
    )
    sub = rng.choice((b"\xc0", forms.text(rng), forms.integer(rng, forms.some_integer(rng) // 2**12)))
    elements = [
        forms.binary(rng, rng.randbytes(16)),
        forms.integer(rng, iat),
        forms.integer(rng, ttl),
        forms.integer(rng, min(age, iat)),
        sub,
        forms.value(rng),
    ]
    if rng.random() < 0.5:
        elements.append(rng.choice((b"\xc0", forms.integer(rng, rng.choice((1, 7200, MAX_SECONDS))))))
        elements += [forms.value(rng) for _ in range(rng.choice((0, 1, 1, 2)))]
    if rng.random() < 0.15:
        elements[rng.randrange(len(elements))] = forms.value(rng)
    packed = forms.counted(rng, len(elements), 0x90, 0xDC) + b"".join(elements)
    return forms.broken(rng, packed) if rng.random() < 0.25 else packed


def token(rng: Random, ring: KeyRing) -> dict[str, Any]:
    """Return how a token is read, the token, and the plaintext in it (None when there is none)."""
    keys = [key for key in ring if key.can_mint]
    key = rng.choice(keys)
    iat, ttl, age = NOW, rng.choice((1, 60, 3600, MAX_SECONDS)), rng.choice((0, 0, 7, 86400))
    absolute = rng.choice((None, None, 1, 3600, 86400, 86407))
    moments = [iat, iat - 60, iat + ttl, iat - age + (absolute or 0), iat + rng.randrange(100)]
    context = rng.choice(CONTEXTS)
    inside = plaintext(rng, (iat, ttl, age))
    return {
        "kind": "token",
        "ring": "main",
        "context": context if rng.random() < 0.95 else rng.choice(CONTEXTS),
        "now": rng.choice(moments) + rng.choice((-1, 0, 0, 1)),
        "leeway": rng.choice((0, 60, 60, 60)),
        "absolute": absolute,
        "longest": None if absolute is None else rng.choice((None, absolute, absolute + 100)),
        "typed": rng.random() < 0.1,
        "token": _token(rng, key_in(ring, key.kid, context), inside),
        "plaintext": inside.hex(),
    }


def key_in(ring: KeyRing, kid: str, context: str) -> TokenKey:
    """Return a ring's key in a context."""
    return TokenKey(ring[kid], context_bytes(context))


def _token(rng: Random, key: TokenKey, inside: bytes) -> str:
    """Return a token, in which most often one layer was tampered with."""
    salt, nonce = rng.randbytes(8), rng.randbytes(12)
    sealed = key.cipher(salt).encrypt(nonce, inside, key.header)
    payload = b"\x01" + salt + nonce + sealed
    layer = rng.random()
    if layer < 0.15:
        payload = forms.broken(rng, payload) if rng.random() < 0.5 else _wrong_payload(rng, payload)
        payload = payload or b"\x01"
    encoded = b64url_encode(payload)
    text = b"%b.%b.%b" % (key.header, encoded, key.signature.sign(encoded))
    if 0.15 < layer < 0.5:
        return _tampered(rng, text.decode())
    return text.decode()


def _wrong_payload(rng: Random, payload: bytes) -> bytes:
    return rng.choice(
        (b"\0" + payload[1:], b"\x02" + payload[1:], payload[:37], payload[:38], payload[:1], payload[1:])
    )


def _tampered(rng: Random, text: str) -> str:
    header, payload, signature = text.split(".")
    at = rng.randrange(len(text))
    other = rng.choice("ABgwz019-_=+/. \n\t\r\0é%\"'\u212a")
    last = rng.choice("AQgwEIMUYckosw048BCD")
    whole = "A" * rng.choice((8192 - len(text), 8193 - len(text), 9000))
    return rng.choice(
        [
            text[:at] + other + text[at + 1 :], text[:at] + other + text[at:], text[:at] + text[at + 1 :],
            text[:at], text[at:], text + other, other + text, text[:-1] + last, text.swapcase(),
            f"{header}.{payload[:-1]}{last}.{signature}", f"{header}.{payload}.", f"{header}..{signature}",
            f".{payload}.{signature}", f"{header}.{payload}", f"{payload}.{header}.{signature}",
            f"{header}.{payload}.{signature[: rng.randrange(len(signature))]}",
            f"{header}.{payload}.{signature}{'A' * rng.randrange(9)}",
            f"{header}.{payload}.{'A' * len(signature)}", f"{header}.{payload}.{signature[43:]}{signature[:43]}",
            f"{header}.{payload}{whole}.{signature}", text.replace("-", "+").replace("_", "/"),
            f"{rng.choice(_HEADERS)}.{payload}.{signature}", "", ".", "..", "...",
        ]
    )  # fmt: skip


def _header(text: str) -> str:
    return b64url_encode(text.encode()).decode()


_HEADERS = [
    _header('{"alg":"none","kid":"hs-1"}'), _header('{"kid":"hs-1","alg":"HS256"}'),
    _header('{"alg": "HS256","kid":"hs-1"}'), _header('{"alg":"HS256","kid":"ed-1"}'),
    _header('{"alg":"HS256","kid":"hs-1","typ":"JWT"}'), _header('{"alg":"Ed25519","kid":"ed-1"}'),
    _header('{"alg":"HS256","kid":"hs-1"}'), _header('{"alg":"ES256","kid":"es-1"}'),
    _header('{"alg":"HS256","kid":"gone"}'), _header('{"alg":"HS256","kid":"old"}'),
]  # fmt: skip

# Written into the text as they stand: JSON and what only resembles it.
_RAW = ["1.0", "1e3", "-0", "1E400", "123456789012345678901234567890", "0.5", "01", "NaN", "Infinity"]
_RAW += ["+1", ".5", "1.", "9007199254740991", "9007199254740992", "-1", "0", "1785000000.0", "'a'", "{}", "[]"]
_VALUES: list[Any] = [None, True, False, 0, 1, "", "a", [], {}, [1], {"a": 1}, "sig", "enc", "oct", "OKP", "EC"]
_VALUES += ["HS256", "Ed25519", "ES256", "A256GCM", "EdDSA", "P-256", "Ed25519", "é", "hs-1", "ed-1", NOW, 2**53 - 1]
_VALUES += [["sign"], ["verify"], ["sign", "verify"], ["encrypt", "decrypt"], ["decrypt"], ["sign", "sign"]]
_VALUES += [{"revoked_at": NOW}, {"token_lifetime": 3600}, {"token_lifetime": 0}, {"token_lifetime": "1"}]
_NAMES = ["kty", "kid", "alg", "k", "x", "y", "d", "crv", "use", "key_ops", "nbf", "exp", "revoked", "other"]


def document(rng: Random, originals: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a key document, mostly one with a few members changed, and when to look at it."""
    base = rng.choice(originals)
    content = json.loads(json.dumps(base))
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        _change(rng, content, originals)
    text = json.dumps(content, ensure_ascii=rng.random() < 0.5)
    for index, raw in enumerate(_RAW):
        text = text.replace(f'"@{index}@"', raw)
    if rng.random() < 0.08:
        at = rng.randrange(len(text))
        text = text[:at] + rng.choice('{}[]",: \n\\0é\ufeff\0') + text[at + rng.choice((0, 1)) :]
    running = json.dumps(rng.choice((base, base, rng.choice(originals))))
    return {
        "kind": "keys",
        "text": text,
        "running": running if rng.random() < 0.2 else "",
        "store": rng.random() < 0.05,
        "moments": [rng.choice((0, 199, 200, NOW, NOW + rng.choice((-1, 0, 1, 100)))) for _ in range(3)],
    }


def _change(rng: Random, content: Any, originals: list[dict[str, Any]]) -> None:
    if not isinstance(content, dict):
        return
    jwks = content.get("keys")
    if not isinstance(jwks, list) or not jwks or rng.random() < 0.08:
        name = rng.choice(("keys", "serial", "rotation", "other"))
        content[name] = _some(rng)
        return
    jwk = rng.choice(jwks)
    if not isinstance(jwk, dict) or rng.random() < 0.1:
        others = rng.choice(originals).get("keys")
        jwks.append(deepcopy(rng.choice(others)) if isinstance(others, list) and others else _some(rng))
        rng.shuffle(jwks)
        return
    name = rng.choice([*jwk, *_NAMES])
    how = rng.random()
    if how < 0.25:
        jwk.pop(name, None)
    elif how < 0.45 and isinstance(jwk.get(name), str):
        at = rng.randrange(len(jwk[name]) + 1)
        jwk[name] = jwk[name][:at] + rng.choice("AQgw-_=+ é\n") + jwk[name][at + rng.choice((0, 1)) :]
    elif how < 0.6:
        jwk[rng.choice(("nbf", "exp"))] = rng.choice((0, 100, 200, NOW, NOW + 1, 2**53 - 1))
    else:
        other = rng.choice(jwks)
        jwk[name] = deepcopy(other.get(name, 1)) if isinstance(other, dict) and how < 0.7 else _some(rng)


def _some(rng: Random) -> Any:
    if rng.random() < 0.2:
        return f"@{rng.randrange(len(_RAW))}@"
    return deepcopy(rng.choice(_VALUES))


def writing(rng: Random, ring: KeyRing) -> dict[str, Any]:
    """Return claims with a tagged state, and the random bytes of the token they go into."""
    key = rng.choice([key for key in ring if key.can_mint and key.algorithm != "ES256"])
    iat = rng.choice((0, NOW, MAX_INT))
    return {
        "kind": "write",
        "ring": "main",
        "context": rng.choice(CONTEXTS),
        "kid": key.kid,
        "salt": rng.randbytes(8).hex(),
        "nonce": rng.randbytes(12).hex(),
        "claims": {
            "sid": rng.randbytes(16).hex(),
            "iat": iat,
            "ttl": rng.choice((1, 3600, MAX_SECONDS)),
            "age": min(iat, rng.choice((0, 1, 70000))),
            "sub": rng.choice((None, "zoë", 0, -1, MAX_INT, {"$int": str(2**53)}, {"$utf16": "d800"})),
            "cap": rng.choice((None, 1, 86400)),
            "state": tagged(rng),
        },
    }


def tagged(rng: Random, depth: int = 1) -> Any:
    """Return a state in the tagged JSON of the vectors, of what JavaScript can tell apart."""
    pick = rng.random()
    if pick < 0.3 and depth < 6:
        keys = {rng.choice(("a", "user_id", "7", "10", "é", "", "🔑", "b" * 40)) for _ in range(rng.choice((0, 2, 5)))}
        pairs = [[name, tagged(rng, depth + 1)] for name in sorted(keys)]
        if rng.random() < 0.02:
            pairs.append([rng.choice((1, None, "__proto__", {"$utf16": "d800"})), 1])
        return {"$map": pairs}
    if pick < 0.45 and depth < 6:
        return [tagged(rng, depth + 1) for _ in range(rng.choice((0, 1, 3, 17)))]
    if pick < 0.48:
        return json.loads("[" * (levels := rng.choice((20, 27, 28, 31, 32, 33, 40))) + "]" * levels)
    if pick < 0.65:
        number = forms.some_integer(rng) if rng.random() < 0.05 else max(-MAX_INT, min(MAX_INT, forms.some_integer(rng)))
        return {"$int": str(number)}
    if pick < 0.8:
        units = rng.choice(("", "a", "zoë", "🔑", "x" * 31, "x" * 32, "é" * 200))
        return units if rng.random() < 0.98 else {"$utf16": "0061d800"}
    if pick < 0.86:
        return {"$bin": rng.randbytes(rng.choice((0, 1, 255, 256))).hex()}
    if pick < 0.9:
        return {"$timestamp": [rng.choice((0, -1, NOW, 2**32, 2**34)), rng.choice((0, 1_000_000, 500_000_000))]}
    if pick < 0.96:
        number = struct.unpack(">d", rng.randbytes(8))[0]
        if math.isnan(number) or (number.is_integer() and abs(number) < 2**53):
            number = rng.choice((0.5, math.inf))
        return {"$float": repr(number)}
    return rng.choice((None, True, False, {"$float": "nan"} if rng.random() < 0.05 else None))
