"""Random plaintexts and tokens, by preference at the edges, and often tampered with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensession.format.base64url import b64url_encode
from tokensession.tokens.sealing import TokenKey, context_bytes

from . import forms

if TYPE_CHECKING:
    from random import Random

    from tokensession import KeyRing

NOW = 1785000000
CONTEXTS = ["session", "shop", "a", "é" * 100]
MAX_SECONDS = 2**32 - 1
# As signers: of the ring (of which "gone" is revoked), and not of it.
KIDS = ("hs-1", "ed-1", "old", "next", "gone", "k0", "-", "Z" * 32)
MAX_INT = 2**53 - 1


def plaintext(rng: Random, dates: tuple[int, int, int] | None = None) -> bytes:
    """Return claims; about half are right in all that is not the state."""
    iat, ttl, age = dates or (
        rng.choice((0, 1, NOW, MAX_INT, NOW)),
        rng.choice((1, 3600, MAX_SECONDS)),
        rng.choice((0, 1, 3600)),
    )
    sub = rng.choice(
        (b"\xc0", forms.text(rng), forms.integer(rng, forms.some_integer(rng) // 2**12))
    )
    elements = [
        forms.binary(rng, rng.randbytes(16)),
        forms.integer(rng, iat),
        forms.integer(rng, ttl),
        forms.integer(rng, min(age, iat)),
        sub,
        forms.value(rng),
    ]
    if rng.random() < 0.5:
        elements.append(
            rng.choice((b"\xc0", forms.integer(rng, rng.choice((1, 7200, MAX_SECONDS)))))
        )
        if rng.random() < 0.7:
            elements.append(forms.value(rng))
            elements += _later(rng, min(age, iat))
    if rng.random() < 0.15:
        elements[rng.randrange(len(elements))] = forms.value(rng)
    packed = forms.counted(rng, len(elements), 0x90, 0xDC) + b"".join(elements)
    return forms.broken(rng, packed) if rng.random() < 0.25 else packed


def _later(rng: Random, age: int) -> list[bytes]:
    """Return signers, auth and an element that readers ignore, or the first of them."""
    kids = [rng.choice(KIDS) for _ in range(rng.choice((1, 1, 2, 15)))]
    if rng.random() < 0.2:
        kids = [rng.choice((*KIDS, "", "k" * 33, "k.", "k0\n", "é"))] * rng.choice((0, 1, 15, 16))
    head = forms.counted(rng, len(kids), 0x90, 0xDC)
    texts = [forms.sized(rng, kid.encode(), (0xD9, 0xDA, 0xDB), 0xA0) for kid in kids]
    listed = head + b"".join(texts)
    auth = rng.choice((0, age, age, age // 2, age + 1))
    elements = [
        rng.choice((b"\xc0", listed, listed)),
        rng.choice((b"\xc0", forms.integer(rng, auth), forms.integer(rng, auth))),
        forms.value(rng),
    ]
    return elements[: rng.choice((0, 1, 2, 2, 3))]


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
        (
            b"\0" + payload[1:],
            b"\x02" + payload[1:],
            payload[:37],
            payload[:38],
            payload[:1],
            payload[1:],
        )
    )


def _tampered(rng: Random, text: str) -> str:
    header, payload, signature = text.split(".")
    at = rng.randrange(len(text))
    other = rng.choice("ABgwz019-_=+/. \n\t\r\0é%\"'\u212a")
    last = rng.choice("AQgwEIMUYckosw048BCD")
    whole = "A" * rng.choice((8192 - len(text), 8193 - len(text), 9000))
    return rng.choice(
        [
            text[:at] + other + text[at + 1 :], text[:at] + other + text[at:],
            text[:at] + text[at + 1 :],
            text[:at], text[at:], text + other, other + text, text[:-1] + last, text.swapcase(),
            f"{header}.{payload[:-1]}{last}.{signature}", f"{header}.{payload}.",
            f"{header}..{signature}",
            f".{payload}.{signature}", f"{header}.{payload}", f"{payload}.{header}.{signature}",
            f"{header}.{payload}.{signature[: rng.randrange(len(signature))]}",
            f"{header}.{payload}.{signature}{'A' * rng.randrange(9)}",
            f"{header}.{payload}.{'A' * len(signature)}",
            f"{header}.{payload}.{signature[43:]}{signature[:43]}",
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
