"""What the cases of tokens.json are made with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .claims_model import IAT, Claims
from .draft import Draft

if TYPE_CHECKING:
    from .material import Key
    from .msgpack import Json
    from .vectorfile import Case

NOW = IAT + 100
LEEWAY = 60
URL_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """With what a token is read."""

    ring: str = "main"
    context: str = "session"
    now: float = NOW
    leeway: int = LEEWAY
    absolute_timeout: int | None = None
    longest: int | None = None
    fields: dict[str, str] | None = None

    def json(self) -> dict[str, Json]:
        """Give the members of a case; `fields` only where a type is asked for."""
        members: dict[str, Json] = {
            "ring": self.ring,
            "context": self.context,
            "now": self.now,
            "leeway": self.leeway,
            "absolute_timeout": self.absolute_timeout,
            "longest": self.longest,
        }
        return members if self.fields is None else {**members, "fields": self.fields}


def draft(key: Key, slug: str, content: Claims | None = None) -> Draft:
    """Give a token in which nothing is wrong yet."""
    return Draft(key=key, plaintext=(content or Claims()).pack(), label=slug)


def accepted(
    slug: str,
    rule: str,
    comment: str,
    content: Claims,
    made: Draft,
    reading: Reading | None = None,
) -> Case:
    """Give a case of a token that is read; it is writable where its bytes are a writer's.

    ES256 signatures of other implementations are random, and a reader ring cannot sign.
    """
    given = reading or Reading()
    exact = made.key.alg != "ES256" and made.plaintext == content.pack()
    return {
        "id": f"tokens/{slug}",
        "rule": rule,
        "comment": comment,
        **given.json(),
        "token": made.text(),
        "expect": "ok",
        "writable": exact and given.ring != "reader",
        "claims": content.json(),
        "layers": made.layers(),
    }


def refused(
    slug: str,
    rule: str,
    expect: str,
    comment: str,
    token: Draft | str,
    reading: Reading | None = None,
) -> Case:
    """Give a case of a token that is not read."""
    return {
        "id": f"tokens/{slug}",
        "rule": rule,
        "comment": comment,
        **(reading or Reading()).json(),
        "token": token if isinstance(token, str) else token.text(),
        "expect": expect,
    }


def unknown(
    slug: str,
    comment: str,
    token: Draft | str,
    reading: Reading | None = None,
    *,
    key_state: str | None = None,
    rule: str = "R2",
) -> Case:
    """Give a case of a token whose header is that of no key that may verify."""
    case = refused(slug, rule, "unknown_key", comment, token, reading)
    return {**case, "key_state": key_state}
