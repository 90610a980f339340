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
        if key == self._sign_in_key and str(item) != str(self.subject):
            self.sign_in(item if isinstance(item, str | int) else str(item))
        super().__setitem__(key, item)

    def __delitem__(self, key: str) -> None:
        """Remove a value of the state; that of the key signs out."""
        super().__delitem__(key)
        if key == self._sign_in_key:
            kept = self.copy()
            self.clear()
            self.update(kept)
