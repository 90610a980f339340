"""Where users are signed in: the rows of their list, and a copy of each cookie to replay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from tokensession.directory.directory import ListedSession
    from tokensession.sessions.events import Event
    from tokensession.tools.demo.trial import Trial

MOST_COPIES: Final = 50  # cookies; of more, those used longest ago are forgotten

# Signs in a User-Agent header, and what they stand for; a browser also names those after it.
_BROWSERS: Final = {
    "Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari",
}  # fmt: skip
_SYSTEMS: Final = {
    "iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "Windows": "Windows", "Mac": "macOS",
    "Linux": "Linux",
}  # fmt: skip


def device(user_agent: str) -> str:
    """Return a label for a sign-in, such as "Firefox on Linux"."""
    browser = next((name for sign, name in _BROWSERS.items() if sign in user_agent), "A browser")
    system = next((name for sign, name in _SYSTEMS.items() if sign in user_agent), None)
    return browser if system is None else f"{browser} on {system}"


class Copy(NamedTuple):
    """A copy of a cookie, such as a thief would have: its user, session and token."""

    subject: str | int
    session: ListedSession
    token: str


@dataclass(frozen=True, slots=True)
class Row:
    """A session of a user.

    Attributes:
        session: The session, as the directory lists it or listed it last.
        is_listed: Whether the directory lists it.
        trial: The copy of its cookie, before the reader of this page; None without a copy.
        end: What the audit log has of its end, or None.
    """

    session: ListedSession
    is_listed: bool
    trial: Trial | None
    end: Event | None


class CopiedCookies:
    """Keeps copies of cookies, and is the audit log that hears how their sessions end."""

    def __init__(self) -> None:
        self._copies: dict[str, Copy] = {}
        self._ends: dict[str, Event] = {}

    def keep(self, copy: Copy) -> None:
        """Keep a copy of a session that lives, in place of an older one."""
        self._ends.pop(copy.session.id, None)  # one that "log out my other devices" has spared
        self._put(copy)

    def record(self, event: Event) -> None:
        """Take in an event of the library; see `tokensession.sessions.events.Audit`."""
        if event.what not in ("ended", "signed_out"):
            return
        for name, copy in list(self._copies.items()):
            is_any = event.id is None and event.subject == copy.subject and name not in self._ends
            if is_any or event.id == name:
                self._ends[name] = event
                self._put(copy)

    def _put(self, copy: Copy) -> None:
        self._copies.pop(copy.session.id, None)
        self._copies[copy.session.id] = copy
        while len(self._copies) > MOST_COPIES:
            oldest = next(iter(self._copies))
            del self._copies[oldest]
            self._ends.pop(oldest, None)

    def latest(self) -> list[Copy]:
        """Return the copies, that of the session used or ended last first."""
        return list(reversed(self._copies.values()))

    def find(self, name: str) -> Copy | None:
        """Return the copy of the session with a listed id, or None."""
        return self._copies.get(name)

    def end(self, name: str) -> Event | None:
        """Return how the session with a listed id ended, or None."""
        return self._ends.get(name)
