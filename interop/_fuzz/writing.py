"""Random states for writers, as the tagged JSON of the vectors."""

from __future__ import annotations

import json
import math
import struct
from typing import TYPE_CHECKING, Any

from . import forms
from .cases import CONTEXTS, MAX_INT, MAX_SECONDS, NOW

if TYPE_CHECKING:
    from random import Random

    from tokensession import KeyRing


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
            "sub": rng.choice(
                (None, "zoë", 0, -1, MAX_INT, {"$int": str(2**53)}, {"$utf16": "d800"})
            ),
            "cap": rng.choice((None, 1, 86400)),
            "signers": rng.choice((None, None, ["k0"], ["hs-1", "Z" * 32], ["k0"] * 15)),
            "auth": rng.choice((0, 0, None, 1, 70000)),
            "state": tagged(rng),
        },
    }


def tagged(  # noqa: C901, PLR0911  # one line for each type
    rng: Random, depth: int = 1
) -> Any:
    """Return a state in the tagged JSON of the vectors, of what JavaScript can tell apart."""
    pick = rng.random()
    if pick < 0.3 and depth < 6:
        keys = {
            rng.choice(("a", "user_id", "7", "10", "é", "", "🔑", "b" * 40))
            for _ in range(rng.choice((0, 2, 5)))
        }
        pairs = [[name, tagged(rng, depth + 1)] for name in sorted(keys)]
        if rng.random() < 0.02:
            pairs.append([rng.choice((1, None, "__proto__", {"$utf16": "d800"})), 1])
        return {"$map": pairs}
    if pick < 0.45 and depth < 6:
        return [tagged(rng, depth + 1) for _ in range(rng.choice((0, 1, 3, 17)))]
    if pick < 0.48:
        return json.loads("[" * (levels := rng.choice((20, 27, 28, 31, 32, 33, 40))) + "]" * levels)
    if pick < 0.65:
        whole = forms.some_integer(rng)
        inside = max(-MAX_INT, min(MAX_INT, whole))
        return {"$int": str(whole if rng.random() < 0.05 else inside)}
    if pick < 0.8:
        units = rng.choice(("", "a", "zoë", "🔑", "x" * 31, "x" * 32, "é" * 200))
        return units if rng.random() < 0.98 else {"$utf16": "0061d800"}
    if pick < 0.86:
        return {"$bin": rng.randbytes(rng.choice((0, 1, 255, 256))).hex()}
    if pick < 0.9:
        return {
            "$timestamp": [
                rng.choice((0, -1, NOW, 2**32, 2**34, -62135596801, 253402300800)),
                rng.choice((0, 1_000_000, 500_000_000)),
            ]
        }
    if pick < 0.96:
        number = struct.unpack(">d", rng.randbytes(8))[0]
        if math.isnan(number) or (number.is_integer() and abs(number) < 2**53):
            number = rng.choice((0.5, math.inf))
        return {"$float": repr(number)}
    return rng.choice((None, True, False, {"$float": "nan"} if rng.random() < 0.05 else None))
