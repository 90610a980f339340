"""The changes of a key ring, and the rules between its keys (SPEC section 7). Pure.

Each function takes the keys of a ring and returns those of the next one, or raises ConfigError.
`KeyRing` numbers the rings, and describes the arguments.
"""

from __future__ import annotations

from tokensession.errors import ConfigError
from tokensession.format.seconds import check_seconds
from tokensession.keys.jwk import Key, generate_key
from tokensession.keys.signer import signer_of

Keys = tuple[Key, ...]


def add(keys: Keys, algorithm: str | Key, *, nbf: int | None, propagation: int, now: int) -> Keys:
    """Return the keys and one more: publish before use."""
    check_seconds("propagation", propagation, least=0)
    kids = {key.kid for key in keys}
    # A key that replaces none has nothing to wait for: no process can sign without it.
    alone = signer_of(keys, now) is None
    if isinstance(algorithm, Key):
        key = algorithm if nbf is None else algorithm.with_members(nbf=nbf)
    else:
        if nbf is None and not alone:
            nbf = now + propagation
        key = generate_key(algorithm, nbf=nbf)
        while key.kid in kids:
            key = generate_key(algorithm, nbf=nbf)
    if key.kid in kids:
        raise ConfigError(f"the ring has a key {key.kid!r} already; a kid is used once")
    if key.can_mint and not key.revoked and not alone and key.nbf < now + propagation:
        raise ConfigError(
            f"key {key.kid!r} would sign from {key.nbf}, before {now + propagation} (now {now} + "
            f"propagation {propagation} s): processes that do not have it yet would refuse its "
            f"tokens; give it nbf={now + propagation} or later"
        )
    return (*keys, key)


def retire(keys: Keys, key: Key, *, token_lifetime: int | None, leeway: int, now: int) -> Keys:
    """Return the keys, in which a superseded one expires once its last tokens have."""
    check_seconds("leeway", leeway, least=0)
    if token_lifetime is None:
        raise ConfigError(
            "retire needs token_lifetime, the longest ttl in seconds that any codec mints: "
            'pass it, or set "rotation": {"token_lifetime": ...} in the document'
        )
    check_seconds("token_lifetime", token_lifetime)
    if not key.verifies(now):
        state = "revoked" if key.revoked else f"expired since {key.exp}"
        raise ConfigError(f"key {key.kid!r} is {state}, which is more than retired")
    successor = _successor(keys, key, now)
    if successor is None:
        raise ConfigError(
            f"key {key.kid!r} has no successor, so retiring it would end all sign-ins: "
            "add a key first"
        )
    if key.exp is None and not _lasts(keys, without=key):
        raise ConfigError(
            f"key {key.kid!r} is the only one without an end; once all keys have expired, your "
            "users could not sign in: add a key first"
        )
    exp = max(now, successor.nbf) + token_lifetime + leeway
    if key.exp is not None:
        exp = min(exp, key.exp)
    retired = _replace(keys, key.with_members(exp=exp))
    check_grace(retired, token_lifetime, leeway=leeway, now=now)
    return retired


def revoke(keys: Keys, key: Key, *, reason: str | None, now: int) -> Keys:
    """Return the keys with one revoked; `keys` itself if it already was."""
    revoked: dict[str, object] = {"revoked_at": now}
    if reason is not None:
        if not isinstance(reason, str):
            raise ConfigError(f"reason must be a str, not {type(reason).__name__}")
        revoked["reason"] = reason
    return keys if key.revoked else _replace(keys, key.with_members(revoked=revoked))


def revoke_like(keys: Keys, others: Keys) -> Keys:
    """Return the keys, of which those are revoked that another document of the ring revokes.

    The keys keep their material, because the other document can hold another under the same kid.
    Where nothing changes, the function returns `keys`.
    """
    revoked = {key.kid: key.to_jwks(private=True)[0]["revoked"] for key in others if key.revoked}
    if all(key.revoked for key in keys if key.kid in revoked):
        return keys
    return tuple(
        key.with_members(revoked=revoked[key.kid])
        if key.kid in revoked and not key.revoked
        else key
        for key in keys
    )


def check_grace(keys: Keys, token_lifetime: int, *, leeway: int, now: int) -> None:
    """Refuse a key that expires before its last tokens do."""
    for key in keys:
        if key.exp is None or not key.can_mint or not key.verifies(now):
            continue
        successor = _successor(keys, key, now)
        if successor is None:
            continue
        needed = successor.nbf + token_lifetime + leeway
        if key.exp < needed:
            raise ConfigError(
                f"key {key.kid!r} expires at {key.exp}, but tokens that it signed until "
                f"{successor.kid!r} took over at {successor.nbf} live up to {token_lifetime} s "
                f"(+ {leeway} s leeway), until {needed}: set its exp to {needed} or later, "
                "or shorten the idle timeout"
            )


def check_succession(keys: Keys, running: Keys) -> None:
    """Refuse keys that undo a revocation of the running ring, or change material under a kid."""
    by_kid = {key.kid: key for key in running}
    for key in keys:
        former = by_kid.get(key.kid)
        if former is None:
            continue
        if former.revoked and not key.revoked:
            raise ConfigError(
                f"key {key.kid!r} is revoked in the running ring, and a revocation is for good"
            )
        if _differs(key, former):
            raise ConfigError(
                f"key {key.kid!r}: its material is not that of the running ring's key of this "
                "name; a kid is used once: give the new key a new kid"
            )


def _successor(keys: Keys, key: Key, now: int) -> Key | None:
    """Return the key that takes over from `key`: the next in the order of (nbf, kid)."""
    later = [
        other
        for other in keys
        if other.can_mint and other.verifies(now) and (other.nbf, other.kid) > (key.nbf, key.kid)
    ]
    return min(later, key=lambda other: (other.nbf, other.kid), default=None)


def _lasts(keys: Keys, *, without: Key) -> bool:
    """Tell whether another key than `without` can sign and has no end."""
    others = (key for key in keys if key is not without)
    return any(key.can_mint and not key.revoked and key.exp is None for key in others)


def _replace(keys: Keys, changed: Key) -> Keys:
    return tuple(changed if key.kid == changed.kid else key for key in keys)


def _differs(key: Key, other: Key) -> bool:
    """Tell whether two keys of one kid have other material; a tombstone can have lost its own."""
    pairs = zip(key.material(), other.material(), strict=True)
    return any(a != b for a, b in pairs if a is not None and b is not None)
