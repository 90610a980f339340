"""What all vector files have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from .msgpack import Json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Case: TypeAlias = dict[str, Json]

FORMAT = "tokensession/v1"


def vector_file(
    name: str,
    comment: str,
    cases: Sequence[Case],
    members: Mapping[str, Json] | None = None,
) -> dict[str, Json]:
    """Give a vector file's content, with its cases counted and their ids checked."""
    ids = [case["id"] for case in cases]
    twice = {used for used in ids if ids.count(used) > 1}
    if twice:
        raise ValueError(f"used twice: {twice}")
    head: dict[str, Json] = {"format": FORMAT, "name": name, "comment": comment}
    return {**head, "count": len(cases), **(members or {}), "cases": cases}
