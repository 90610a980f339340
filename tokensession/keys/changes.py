"""The changes of a key ring, and the rules between its keys (SPEC section 7). Pure.

Each function takes the keys of a ring and returns those of the next one, or raises ConfigError.
`KeyRing` numbers the rings, and describes the arguments.
"""

from __future__ import annotations

from tokensession.errors import ConfigError
from tokensession.format.seconds import check_seconds
from tokensession.keys.jwk import Key, generate_key, tombstone
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
    A kid that is not listed gets a tombstone. Where nothing changes, the function returns `keys`.
    """
    revoked = {key.kid: key for key in others if key.revoked}
    listed = {key.kid for key in keys}
    if not revoked.keys() - {key.kid for key in keys if key.revoked}:
        return keys
    changed = [
        key.with_members(revoked=_believed(revoked[key.kid]))
        if key.kid in revoked and not key.revoked
        else key
        for key in keys
    ]
    changed += [tombstone(kid, _believed(revoked[kid])) for kid in revoked if kid not in listed]
    return tuple(changed)


def _believed(key: Key) -> dict[str, object]:
    """Return why and when a key was revoked; its digests could be those of a key in use."""
    return {name: item for name, item in key.revocation.items() if name != "used"}


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
