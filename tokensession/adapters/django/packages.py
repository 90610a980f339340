"""Adapt packages that look up other sessions by their keys.

Such a key is only a name, so they cannot read the session and treat it as anonymous. django-allauth
would then forget the session, and django-cas-ng would not end it. This module makes them use the
known facts.
"""

from __future__ import annotations

from importlib import import_module
from time import time
from typing import TYPE_CHECKING, Any

from django.apps import apps

from tokensession.adapters.django.configured import configured_manager
from tokensession.adapters.django.store import SessionStore

if TYPE_CHECKING:
    from collections.abc import Callable


def adapt_packages() -> None:
    """Adapt the installed packages."""
    if apps.is_installed("allauth.usersessions"):
        apps.get_model("usersessions", "UserSession").purge = purge_if_over
    if apps.is_installed("django_cas_ng"):
        views: Any = import_module("django_cas_ng.views")
        views.get_user_from_session = _anonymous_by_name(views.get_user_from_session)


def purge_if_over(listed: Any) -> bool:
    """Delete django-allauth's record of an ended session, and tell whether it was deleted.

    A session has ended when the revocation list denies it, or after the longest lifetime of a
    session.

    Args:
        listed: A ``UserSession``.
    """
    longest = configured_manager().codec.writer.policy.longest_cap
    aged = longest is not None and listed.created_at.timestamp() + longest < time()
    if aged or not listed.exists():
        listed.delete()
        return True
    return False


def _anonymous_by_name(get_user: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return django-cas-ng's function for the user of a session that it will end."""
    anonymous = import_module("django.contrib.auth.models").AnonymousUser

    def get_user_from_session(session: Any) -> Any:
        if isinstance(session, SessionStore) and session.is_name:
            return anonymous()
        return get_user(session)

    return get_user_from_session
