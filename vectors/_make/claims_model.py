"""The claims of a token as values, and their bytes in any form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .msgpack import Json, Raw, Value, array, tagged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

IAT = 1785000000
SID = bytes(range(16))
MAX_SAFE = 2**53 - 1
MAX_UINT32 = 2**32 - 1

SID_AT, IAT_AT, TTL_AT, AGE_AT, SUB_AT, STATE_AT, CAP_AT, PAD_AT, SIGNERS_AT, AUTH_AT = range(10)


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a token says; the defaults are those of the worked value."""

    sid: bytes = SID
    iat: int = IAT
    ttl: int = 3600
    age: int = 0
    sub: str | int | None = None
    cap: int | None = None
    state: Value = field(default_factory=lambda: {"user_id": 184467})
    pad: Value = None
    signers: Sequence[str] | None = None
    auth: int | None = 0

    def elements(self) -> list[Value]:
        """Give the array's elements as a writer makes them: up to the last that counts."""
        elements: list[Value] = [
            self.sid, self.iat, self.ttl, self.age, self.sub, self.state,
            self.cap, self.pad, None if self.signers is None else list(self.signers), self.auth,
        ]  # fmt: skip
        absent: list[Value] = [None, None, None, 0]
        while elements[CAP_AT:] and elements[-1] == absent[len(elements) - 1 - CAP_AT]:
            elements.pop()
        return elements

    def pack(
        self,
        forms: Mapping[int, Value] | None = None,
        *,
        then: Sequence[Value] = (),
        bits: int = 0,
        claimed: int | None = None,
    ) -> bytes:
        """Give the plaintext.

        Args:
            forms: what to write at an index in place of the value that stands there.
            then: further elements.
            bits: the form of the array's header, 16 or 32; 0 for the shortest.
            claimed: how many elements the header announces, where that is not true.
        """
        elements: list[Value] = [*self.elements(), *then]
        for index, form in (forms or {}).items():
            elements[index] = form
        return array(elements, bits, claimed=claimed).data

    def json(self) -> dict[str, Json]:
        """Give the claims as the vector files write them."""
        return {
            "sid": self.sid.hex(),
            "iat": self.iat,
            "ttl": self.ttl,
            "age": self.age,
            "sub": self.sub,
            "cap": self.cap,
            "signers": None if self.signers is None else list(self.signers),
            "auth": self.auth,
            "state": tagged(self.state),
        }


def with_state(state: Raw) -> bytes:
    """Give the plaintext of the worked claims with other bytes as the state."""
    return Claims().pack({STATE_AT: state})
