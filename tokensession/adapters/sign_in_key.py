"""Sessions for libraries that sign in and out by a key of the session's mapping alone."""

from __future__ import annotations

from typing import Any, ClassVar

from tokensession.web.request_session import RequestSession


class SignsInByKey(RequestSession[Any]):
    """A session in which setting a certain key signs in, and removing it signs out.

    A sign-in begins a new session whose subject is the key's value. A sign-out ends the session,
    in the revocation list too, and the rest of the state goes on as an anonymous session's.
    """

    _sign_in_key: ClassVar[str]

    def __setitem__(self, key: str, item: Any) -> None:
        """Set a value of the state; that of the key signs in."""
        if key == self._sign_in_key and item is not None:
            self.sign_in(subject_of(item))
        super().__setitem__(key, item)
        if key == self._sign_in_key and item is None and self.subject is not None:
            self._sign_out()

    def __delitem__(self, key: str) -> None:
        """Remove a value of the state; that of the key signs out."""
        super().__delitem__(key)
        if key == self._sign_in_key:
            self._sign_out()

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the newest pair of the state; that of the key signs out."""
        key, item = super().popitem()
        if key == self._sign_in_key:
            self._sign_out()
        return key, item

    def _sign_out(self) -> None:
        """End the session, and keep the rest of its state in a new one."""
        kept = self.copy()
        self.clear()
        self.update(kept)


def subject_of(user: Any) -> str | int:
    """Return the subject for what a library takes for the user; an enum of str is its value."""
    if isinstance(user, str):
        return str.__str__(user)
    return int.__index__(user) if isinstance(user, int) else str(user)
