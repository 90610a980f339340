"""keys.json: key documents that load and that are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .keys_accepted import accepted
from .keys_document import kids, shapes
from .keys_kinds import algorithms, pairs
from .keys_material import halves, secrets
from .keys_members import dates, uses
from .keys_points import encoded_secrets, foreign_members, points
from .keys_reuse import reuse
from .keys_revoked import revoked_keys, successors
from .keys_text import texts
from .rings import rings
from .vectorfile import vector_file

if TYPE_CHECKING:
    from .msgpack import Json


def keys() -> dict[str, Json]:
    """Give the content of keys.json."""
    cases = [
        *accepted(),
        *shapes(),
        *kids(),
        *pairs(),
        *algorithms(),
        *secrets(),
        *halves(),
        *dates(),
        *uses(),
        *reuse(),
        *texts(),
        *revoked_keys(),
        *successors(),
        *points(),
        *encoded_secrets(),
        *foreign_members(),
    ]
    comment = (
        "Key documents; well_known lists the k and d of tokens.json, which are refused where a"
        " document comes from a file, the environment or a shared store (from_file)."
    )
    return vector_file("keys", comment, cases, {"well_known": _well_known()})


def _well_known() -> list[str]:
    found = {
        str(jwk[name])
        for ring in rings().values()
        if isinstance(ring, dict)
        for jwk in ring["keys"]
        for name in ("k", "d")
        if name in jwk
    }
    return sorted(found)
