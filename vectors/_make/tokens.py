"""tokens.json: whole tokens, and what reading them gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .rings import rings
from .tokens_accepted import accepted_tokens
from .tokens_contents import contents
from .tokens_framing import framing
from .tokens_order import order
from .tokens_revoked import signed_by_revoked
from .tokens_signed import signatures
from .tokens_times import times
from .vectorfile import vector_file

if TYPE_CHECKING:
    from .msgpack import Json


def tokens() -> dict[str, Json]:
    """Give the content of tokens.json."""
    cases = [
        *accepted_tokens(), *framing(), *signatures(), *contents(), *times(), *order(),
        *signed_by_revoked(),
    ]  # fmt: skip
    comment = "Tokens, the ring and moment they are read with, and the session or the refusal."
    return vector_file("tokens", comment, cases, {"rings": rings()})
