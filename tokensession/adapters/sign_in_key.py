"""Sessions for libraries that sign in and out only by a key of the session's mapping."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from tokensession.sessions.value import CHANGEABLE
from tokensession.web.request_session import RequestSession

if TYPE_CHECKING:
    from tokensession.web.manager import SessionManager


_FRAMES: Final = 3  # from `_is_called_by` to the caller of a method of the mapping


class SignsInByKey(RequestSession[Any]):
    """A session with a special key: setting it signs in, and removing it signs out.

    A sign-in starts a new session whose subject is the key's value. If another user was signed in,
    it keeps what `_kept_over` returns. A sign-out ends the session, also in the revocation list.
    The rest of the state stays in a new, anonymous session.
    """

    _sign_in_key: ClassVar[str]
    # The module that signs in, if its users can give it another key.
    _sign_in_module: ClassVar[str | None] = None

    def _signs_in(self, key: str) -> bool:
        """Tell whether a key is the special one."""
        if key == self._sign_in_key:
            return True
        return self._sign_in_module is not None and _is_called_by(self._sign_in_module)

    @property
    def _manager(self) -> SessionManager[Any]:
        return cast("SessionManager[Any]", self._opener)

    def _kept_over(self) -> dict[str, Any]:
        """Return what the session of another user leaves to the one that signs in."""
        return set_here(self)

    def __setitem__(self, key: str, item: Any) -> None:
        """Set a value of the state; setting the special key signs in."""
        if not self._signs_in(key):
            super().__setitem__(key, item)
        elif item is not None:
            kept = {} if self.subject is None else self._kept_over()
            self.sign_in(subject_of(item))
            super().__setitem__(key, item)
            restore(self, kept)
        else:
            super().__setitem__(key, item)
            if self.subject is not None:
                sign_out(self)

    def __delitem__(self, key: str) -> None:
        """Remove a value of the state; removing the special key signs out."""
        super().__delitem__(key)
        if self._signs_in(key):
            sign_out(self)

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the newest pair of the state; removing the special key signs out."""
        key, item = super().popitem()
        if key == self._sign_in_key:
            sign_out(self)
        return key, item


class SharedMembers(SignsInByKey):
    """A session with the members that Pyramid's and aiohttp-session's sessions share."""

    @property
    def new(self) -> bool:
        """Whether the session has no token yet."""
        return not self.kid

    @property
    def created(self) -> int:
        """Unix second at which the session started."""
        return self.started_at

    def changed(self) -> None:
        """Mark the session as changed; every change is saved in any case."""
        self.mark_modified()

    def invalidate(self) -> None:
        """Sign out; see `clear`."""
        self.clear()


def _is_called_by(module: str) -> bool:
    """Tell whether a module uses the mapping."""
    frame: Any = sys._getframe(_FRAMES)
    if frame.f_code is MutableMapping.pop.__code__:
        frame = frame.f_back
    return bool(frame.f_globals.get("__name__") == module)


def set_here(session: RequestSession[Any]) -> dict[str, Any]:
    """Return the members that this request has set, such as who becomes another user."""
    touched = session._changing().touched.items()
    return {key: session[key] for key, old in touched if old is not CHANGEABLE and key in session}


def restore(session: RequestSession[Any], kept: dict[str, Any]) -> None:
    """Set the members that a sign-in has removed."""
    for key, item in kept.items():
        if key not in session:
            session[key] = item


def sign_out(session: RequestSession[Any]) -> None:
    """End a session, and keep its state in a new, anonymous one."""
    kept = session.copy()
    session.clear()
    session.update(kept)


def subject_of(user: Any) -> str | int:
    """Return the subject for a library's user id; a str enum becomes its value."""
    if isinstance(user, str):
        return str.__str__(user)
    return int.__index__(user) if isinstance(user, int) else str(user)
