"""What the page shows of one request, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tokensession.format.claims import Subject
    from tokensession.keys.ring import KeyRing
    from tokensession.sessions.policy import Policy
    from tokensession.tools.demo.signed_in import Row
    from tokensession.tools.demo.trial import Trial

PRODUCTS: Final = {
    "ESPRESSO-1KG": "Espresso, 1 kg",
    "HAND-GRINDER": "Hand grinder",
    "FILTERS-100": "100 filters",
}
THEMES: Final = {"auto": "As the system", "light": "Light", "dark": "Dark"}


@dataclass(frozen=True, slots=True)
class View:
    """One request.

    Attributes:
        trial: The token that it carried, before the application's own reader; None without a
            cookie, or with several of the name.
        cookies: How many cookies of the name it carried.
        fresh: Whether the session began with it, so that its response sets the cookie.
        viewer: Whose list of sessions it sees: this browser's user, or that of the other browser
            while this one is not signed in; None without either.
        rows: The sessions that it sees; see `tokensession.tools.demo.bench.Bench.rows`.
        window: The listed id of the other browser's session, or empty.
        pasted: A token that was pasted, before the same reader; None without one.
        done: What the form did that led here, or empty.
    """

    session: Any
    policy: Policy
    keys: KeyRing
    now: int
    cookie_name: str
    trial: Trial | None
    cookies: int
    fresh: bool
    viewer: Subject = None
    rows: tuple[Row, ...] = ()
    window: str = ""
    pasted: Trial | None = None
    done: str = ""

    @property
    def theme(self) -> str:
        """The theme of the session, checked."""
        theme = self.session.get("theme")
        return theme if theme in THEMES else "auto"

    @property
    def is_read(self) -> bool:
        """Whether the token of the request gave its session."""
        return self.trial is not None and bool(self.session.kid)
