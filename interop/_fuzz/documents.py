"""Random key documents: those of the vectors with a few members changed."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from .cases import NOW

if TYPE_CHECKING:
    from random import Random

# Written into the text as they stand: JSON and what only resembles it.
_RAW = [
    "1.0",
    "1e3",
    "-0",
    "1E400",
    "123456789012345678901234567890",
    "0.5",
    "01",
    "NaN",
    "Infinity",
]
_RAW += [
    "+1",
    ".5",
    "1.",
    "9007199254740991",
    "9007199254740992",
    "-1",
    "0",
    "1785000000.0",
    "'a'",
    "{}",
    "[]",
]
_VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    "",
    "a",
    [],
    {},
    [1],
    {"a": 1},
    "sig",
    "enc",
    "oct",
    "OKP",
    "EC",
]
_VALUES += [
    "HS256",
    "Ed25519",
    "ES256",
    "A256GCM",
    "EdDSA",
    "P-256",
    "Ed25519",
    "é",
    "hs-1",
    "ed-1",
    NOW,
    2**53 - 1,
]
_VALUES += [
    ["sign"],
    ["verify"],
    ["sign", "verify"],
    ["encrypt", "decrypt"],
    ["decrypt"],
    ["sign", "sign"],
]
_VALUES += [
    {"revoked_at": NOW},
    {"token_lifetime": 3600},
    {"token_lifetime": 1, "period": 901, "algorithm": "ES256", "leeway": 0},
    {"token_lifetime": 1, "period": 1000, "propagation": 1000},
    {"token_lifetime": 1, "propagation": None},
    {"token_lifetime": 1, "leeway": 3601},
    {"token_lifetime": 1, "algorithm": "EdDSA"},
    {"token_lifetime": 0},
    {"token_lifetime": "1"},
]
_NAMES = [
    "kty",
    "kid",
    "alg",
    "k",
    "x",
    "y",
    "d",
    "crv",
    "use",
    "key_ops",
    "nbf",
    "exp",
    "revoked",
    "other",
]


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
        "moments": [
            rng.choice((0, 199, 200, NOW, NOW + rng.choice((-1, 0, 1, 100)))) for _ in range(3)
        ],
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
        jwks.append(
            deepcopy(rng.choice(others)) if isinstance(others, list) and others else _some(rng)
        )
        rng.shuffle(jwks)
        return
    name = rng.choice([*jwk, *_NAMES])
    how = rng.random()
    if how < 0.25:
        jwk.pop(name, None)
    elif how < 0.45 and isinstance(jwk.get(name), str):
        at = rng.randrange(len(jwk[name]) + 1)
        jwk[name] = (
            jwk[name][:at] + rng.choice("AQgw-_=+ é\n") + jwk[name][at + rng.choice((0, 1)) :]
        )
    elif how < 0.6:
        jwk[rng.choice(("nbf", "exp"))] = rng.choice((0, 100, 200, NOW, NOW + 1, 2**53 - 1))
    else:
        other = rng.choice(jwks)
        jwk[name] = (
            deepcopy(other.get(name, 1)) if isinstance(other, dict) and how < 0.7 else _some(rng)
        )


def _some(rng: Random) -> Any:
    if rng.random() < 0.2:
        return f"@{rng.randrange(len(_RAW))}@"
    return deepcopy(rng.choice(_VALUES))
