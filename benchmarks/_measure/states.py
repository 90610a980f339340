"""The four session states that are measured, untyped and typed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import msgspec

MOMENT: Final = 1_785_000_000  # a Unix second, for the timestamps in the states


class Visitor(msgspec.Struct):
    """The type of the smallest state."""

    uid: int


class Item(msgspec.Struct):
    """A line of a cart."""

    sku: str
    name: str
    quantity: int
    cents: int
    added_at: int


class Flash(msgspec.Struct):
    """A message for the next page."""

    level: str
    text: str


class Account(msgspec.Struct):
    """The type of the other states."""

    user_id: int
    name: str
    email: str
    roles: list[str]
    csrf: str
    signed_in_at: int
    seen_at: int
    cart: list[Item]
    flash: list[Flash]


@dataclass(frozen=True)
class State:
    """A state to measure.

    Attributes:
        name: What the tables call it.
        value: The state, made of core values.
        type: The type that also describes it.
    """

    name: str
    value: dict[str, Any]
    type: type[Any]

    @property
    def json_bytes(self) -> int:
        """Its size as compact JSON."""
        return len(json.dumps(self.value, separators=(",", ":")))

    def typed(self) -> Any:
        """Return the state as a value of its type."""
        return msgspec.convert(self.value, self.type)


_WARES: Final = (
    ("Espresso beans, 1 kg", 1890),
    ("Paper filters, size 4", 349),
    ("Hand grinder", 7900),
    ("Kettle with thermometer", 5495),
    ("Milk jug, 350 ml", 1625),
    ("Descaling powder", 899),
    ("Double-walled glass", 1250),
    ("Cleaning brush", 420),
    ("Drip stand, walnut", 6400),
    ("Moka pot, six cups", 3290),
    ("Scale with timer", 4575),
    ("Airtight tin", 1180),
    ("Cold brew carafe", 2840),
    ("Tamper, 58 mm", 2995),
    ("Knock box", 1999),
    ("Refractometer", 18900),
    ("Portafilter basket", 1340),
    ("Spare gasket", 275),
    ("Syrup, vanilla", 740),
    ("Travel press", 3450),
    ("Water test strips", 565),
    ("Serving tray", 2150),
    ("Sugar bowl", 990),
)
_FLASHES: Final = (
    ("success", "Your address was saved."),
    ("info", "Free shipping from 50 euros until Sunday."),
    ("warning", "One article in your cart is almost sold out."),
)


def _account(wares: int, flashes: int) -> dict[str, Any]:
    account: dict[str, Any] = {
        "user_id": 184467,
        "name": "Grace Brewster Hopper",
        "email": "grace.hopper@example.com",
        "roles": ["customer", "editor", "support"],
        "csrf": "qO7lCqE0pW2mYJvT8sXfRz4uKbN1hGd5iA9oVw3eLtM",
        "signed_in_at": MOMENT,
        "seen_at": MOMENT + 845,
    }
    account["cart"] = [
        {
            "sku": f"CF-{2200 + 37 * index}",
            "name": name,
            "quantity": 1 + index % 3,
            "cents": cents,
            "added_at": MOMENT + 60 * index,
        }
        for index, (name, cents) in enumerate(_WARES[:wares])
    ]
    account["flash"] = [{"level": level, "text": text} for level, text in _FLASHES[:flashes]]
    return account


TYPICAL: Final = State("245 B", _account(0, 0), Account)
STATES: Final = (
    State("10 B", {"uid": 42}, Visitor),
    TYPICAL,
    State("1 kB", _account(7, 2), Account),
    State("2.5 kB", _account(23, 3), Account),
)
