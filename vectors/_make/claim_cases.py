"""What the cases of claims.json are made with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .claims_model import Claims, with_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .msgpack import Raw, Value
    from .vectorfile import Case

PAD = b"\x00" * 16
REMEMBERED = Claims(cap=86400)
SIGNED = Claims(age=3600, sub="zo\u00eb", signers=["k0"], auth=60)
FULL = replace(SIGNED, cap=86400, pad=PAD)


def ok(slug: str, rule: str, comment: str, content: Claims, plaintext: bytes | None = None) -> Case:
    """Give a case of claims that are read; their shortest bytes where none are given."""
    return {
        "id": f"claims/{slug}",
        "rule": rule,
        "comment": comment,
        "plaintext": (content.pack() if plaintext is None else plaintext).hex(),
        "expect": "ok",
        "claims": content.json(),
    }


def bad(slug: str, rule: str, comment: str, plaintext: bytes, *acceptable: str) -> Case:
    """Give a case of a plaintext that holds no claims."""
    case: Case = {
        "id": f"claims/{slug}",
        "rule": rule,
        "comment": comment,
        "plaintext": plaintext.hex(),
        "expect": "bad_claims",
    }
    return case | {"acceptable": acceptable} if acceptable else case


def either(
    slug: str, comment: str, state: Raw | None = None, *, plaintext: bytes | None = None
) -> Case:
    """Give a case of a state, or of a whole plaintext, that a reader may take or refuse."""
    if state is not None:
        plaintext = with_state(state)
    assert plaintext is not None
    return {
        "id": f"claims/{slug}",
        "rule": "C12",
        "comment": comment,
        "plaintext": plaintext.hex(),
        "expect": "ok",
        "acceptable": ["bad_claims"],
    }


def wrong(
    field: str,
    rule: str,
    index: int,
    forms: Sequence[tuple[str, Value]],
    content: Claims | None = None,
) -> Iterator[Case]:
    """Give a case for each form that a claim must not have."""
    for slug, form in forms:
        told = slug.replace("-", " ")
        yield bad(
            f"{field}-{slug}",
            rule,
            f"Not a value that {field} may have: {told}.",
            (content or Claims()).pack({index: form}),
        )
