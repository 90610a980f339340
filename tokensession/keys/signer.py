"""Which key signs now, and the state of each key (SPEC section 7).

The clock decides, so every process computes the same answer from the same keys.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection

    from tokensession.keys.jwk import Key

State = Literal["pending", "active", "retiring", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that signs from the Unix second `since` until before `until` (or forever)."""

    key: Key
    since: int
    until: float


def signer_of(keys: Collection[Key], now: int) -> Signer | None:
    """Return the key that signs at the Unix second `now`, or None if no key can."""
    return _choose([key for key in keys if key.can_mint and key.verifies(now)], now)


def states_of(keys: Collection[Key], now: int) -> dict[str, State]:
    """Return the state of each kid at the Unix second `now`.

    A reader's keys cannot sign. Their states are those in the minter's ring.
    """
    verifying = [key for key in keys if key.verifies(now)]
    can_mint = any(key.can_mint and not key.revoked for key in keys)
    signer = _choose([key for key in verifying if key.can_mint or not can_mint], now)
    states: dict[str, State] = {}
    for key in keys:
        if key.revoked:
            states[key.kid] = "revoked"
        elif not key.verifies(now):
            states[key.kid] = "expired"
        elif signer is not None and key is signer.key:
            states[key.kid] = "active"
        else:
            states[key.kid] = "pending" if now < key.nbf else "retiring"
    return states


def _choose(candidates: list[Key], now: int) -> Signer | None:
    """Choose among keys that can sign: the greatest nbf that has passed, else the smallest."""
    if not candidates:
        return None
    due = [key for key in candidates if key.nbf <= now]
    if due:
        chosen = max(due, key=lambda key: (key.nbf, key.kid))
    else:
        first = min(key.nbf for key in candidates)
        chosen = max((key for key in candidates if key.nbf == first), key=lambda key: key.kid)
    changes = [key.nbf for key in candidates if key.nbf > now]
    changes += [key.exp for key in candidates if key.exp is not None]
    return Signer(chosen, now, min(changes, default=math.inf))
