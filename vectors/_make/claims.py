"""claims.json: plaintexts and the claims they hold, without any cryptography."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .claims_accepted import accepted_claims
from .claims_outside import outside_the_core
from .claims_refused import refused_claims
from .claims_signers import signers_and_auth
from .vectorfile import vector_file

if TYPE_CHECKING:
    from .msgpack import Json


def claims() -> dict[str, Json]:
    """Give the content of claims.json."""
    cases = [*accepted_claims(), *refused_claims(), *signers_and_auth(), *outside_the_core()]
    comment = "Plaintexts of tokens: what they say, or that they say nothing. No clock is asked."
    return vector_file("claims", comment, cases)
