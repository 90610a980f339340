"""Keys must not share material, or reuse that of revoked keys (SPEC section 7). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensession.errors import ConfigError
from tokensession.keys.material import SECRET_BYTES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from tokensession.keys.jwk import Key


def check_reuse(keys: Collection[Key]) -> None:
    """Refuse secrets that two keys share, that contain half of a key, or that were revoked."""
    owners: dict[bytes, Key] = {}
    for key in keys:
        if key.secret is None:
            continue
        other = owners.setdefault(key.secret, key)
        if other is not key:
            raise ConfigError(
                f"keys {other.kid!r} and {key.kid!r} have the same k: give one a new secret"
            )
    halves = {half: (name, key) for key in keys for name, half in key.halves().items()}
    for secret, key in owners.items():
        for part in _windows(secret):
            if part in halves:
                name, other = halves[part]
                raise ConfigError(
                    f"key {key.kid!r}: k contains the {name} of {other.kid!r}, which others may "
                    "know: make a random one with `tokensession keys new`"
                )
    check_revoked_material(keys, keys)


def check_revoked_material(keys: Iterable[Key], listed: Iterable[Key]) -> None:
    """Refuse a revoked key's k or x under another kid."""
    owners: dict[str, list[str]] = {}
    for gone in listed:
        if gone.revoked:
            for digest in gone.used():
                owners.setdefault(digest, []).append(gone.kid)
    if not owners:
        return
    for key in keys:
        for digest in key.digests():
            for owner in owners.get(digest, ()):
                if owner != key.kid:
                    raise ConfigError(
                        f"key {key.kid!r} has the material of {owner!r}, which is revoked: make a "
                        "new key with `tokensession keys rotate`"
                    )


def check_succession(keys: Collection[Key], running: Collection[Key]) -> None:
    """Refuse keys that undo a revocation of the running ring or change the material of a kid."""
    by_kid = {key.kid: key for key in keys}
    for former in running:
        key = by_kid.get(former.kid)
        if former.revoked and key is None:
            raise ConfigError(
                f"key {former.kid!r} is revoked in the running ring but missing in the document: "
                "restore its tombstone, because revocations are permanent"
            )
        if key is None:
            continue
        if former.revoked and not key.revoked:
            raise ConfigError(
                f"key {key.kid!r} is revoked in the running ring, and revocations are permanent"
            )
        if _differs(key, former):
            raise ConfigError(
                f"key {key.kid!r}: its material differs from the running ring's key of that kid: "
                "give the new key a new kid"
            )
    check_revoked_material(keys, running)


def _windows(secret: bytes) -> Iterator[bytes]:
    """Yield each part of a secret that is half a key long."""
    for start in range(len(secret) - SECRET_BYTES + 1):
        yield secret[start : start + SECRET_BYTES]


def _differs(key: Key, other: Key) -> bool:
    """Tell whether two keys of one kid have different material; a tombstone has none."""
    if key.is_tombstone or other.is_tombstone:
        return False
    pairs = zip(key.material(), other.material(), strict=True)
    return any(a != b for a, b in pairs if a is not None and b is not None)
