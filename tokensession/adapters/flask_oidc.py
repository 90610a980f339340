"""Follow Flask-OIDC's signals, so that its sign-in and sign-out act on the session.

Flask-OIDC itself only sets and removes keys of the mapping. With this module its sign-in starts a
new session for the user, and its sign-out ends the session, also in the revocation list.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from flask import after_this_request, current_app

from tokensession.adapters.flask_login import begin_session, session_in_use
from tokensession.adapters.sign_in_key import sign_out

if TYPE_CHECKING:
    from flask import Response

# Flask-OIDC's keys: the provider's tokens, and what it says about the user.
_TOKEN: Final = "oidc_auth_token"  # noqa: S105  # the name of a key
_PROFILE: Final = "oidc_auth_profile"


def follow_flask_oidc() -> None:
    """Follow Flask-OIDC's signals, if Flask-OIDC is imported; their sender is not the app."""
    signals = sys.modules.get("flask_oidc.signals")
    if signals is not None:
        signals.after_authorize.connect(_signed_in)
        signals.after_logout.connect(_signed_out)


def _signs_in() -> bool:
    """Tell whether Flask-OIDC alone signs in; beside it, an application can use Flask-Login."""
    return not hasattr(current_app, "login_manager")


def _signed_in(_client: Any, **_: Any) -> None:
    if _signs_in():
        # Signals reach their handlers in no fixed order, and the application's can sign in too.
        after_this_request(_begin)


def _begin(response: Response) -> Response:
    """Begin the session of Flask-OIDC's user, unless the application has begun one."""
    current = session_in_use()
    if current is None or (current.subject is not None and not current.kid):
        return response
    token = current.get(_TOKEN) or {}
    user = (current.get(_PROFILE) or token.get("userinfo") or {}).get("sub")
    if user is not None:
        begin_session(current, user, (_TOKEN, _PROFILE, "_permanent"))
    return response


def _signed_out(_client: Any, **_: Any) -> None:
    current = session_in_use() if _signs_in() else None
    if current is not None and (current.subject is not None or current.kid):
        sign_out(current)
