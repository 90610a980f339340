"""Tokens of sessions for which a revoked key has signed: step 9, without any store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .claims_model import Claims
from .rings import BOTH, ED, GONE, HS, HS_64, LOST, NEXT, OLD, OLD_ENDS, STRANGER
from .token_cases import Reading, accepted, draft, refused
from .tokens_order import LATE, TYPED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .vectorfile import Case


def signed_by_revoked() -> Iterator[Case]:
    """Give the cases of R9."""
    others = [f"k{index}" for index in range(14)]
    for slug, comment, key, signers in (
        ("revoked", "A revoked key has signed for the session.", HS, [GONE.kid]),
        ("revoked-ed25519", "The same with Ed25519.", ED, [GONE.kid]),
        ("revoked-first", "The first of fifteen is revoked.", HS, [GONE.kid, *others]),
        ("revoked-last", "The last of fifteen is revoked.", HS, [*others, GONE.kid]),
        ("revoked-and-expired", "A revoked key that has expired too.", HS, [BOTH.kid]),
        ("revoked-without-material", "A revoked key that is listed by its kid.", HS, [LOST.kid]),
        ("revoked-twice", "A revoked key that is named twice.", HS, [GONE.kid, GONE.kid]),
    ):
        content = Claims(signers=signers)
        made = draft(key, f"signer-{slug}", content)
        yield refused(f"signer-{slug}", "R9", "revoked", comment, made)
    for slug, comment, signers, reading in (
        ("unknown", "A key that the ring does not list.", [STRANGER.kid], None),
        ("expired", "A key that has expired ends no session.", [OLD.kid], Reading(now=OLD_ENDS)),
        ("pending", "A key that is pending.", [NEXT.kid], None),
        ("itself", "The key of the token itself.", [HS.kid, HS_64.kid], None),
    ):
        content = Claims(signers=signers)
        made = draft(HS, f"signer-{slug}", content)
        yield accepted(f"signer-{slug}", "R9", comment, content, made, reading)
    wrong = Claims(signers=[GONE.kid], state={"user_id": "text"})
    yield refused(
        "order-expired-and-signer", "RO", "expired", "Expired, and signed for by a revoked key.",
        draft(HS, "order-expired-and-signer", Claims(signers=[GONE.kid])), LATE,
    )  # fmt: skip
    yield refused(
        "order-signer-and-state", "RO", "revoked", "Such a key, and a state of another type.",
        draft(HS, "order-signer-and-state", wrong), TYPED,
    )  # fmt: skip
