"""Rings for tests, made of keys with dates."""

from __future__ import annotations

from tokensession import KeyRing
from tokensession.keys.jwk import generate_key


def ring_of(**dates: tuple[int | None, int | None]) -> KeyRing:
    """Return a ring of HS256 keys with nbf and exp."""
    keys = []
    for kid, (nbf, exp) in dates.items():
        members = {name: at for name, at in (("nbf", nbf), ("exp", exp)) if at is not None}
        keys.append(generate_key(kid=kid).with_members(**members))
    return KeyRing(keys)
