"""Packages that look into other sessions by their keys, where a key is a name alone.

A session that they cannot read is to them a session without a user: django-allauth forgets that it
exists, and django-cas-ng does not get to ending it. Here they ask what can be known.
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
    """Adapt the installed ones."""
    if apps.is_installed("allauth.usersessions"):
        apps.get_model("usersessions", "UserSession").purge = purge_if_over
    if apps.is_installed("django_cas_ng"):
        views: Any = import_module("django_cas_ng.views")
        views.get_user_from_session = _anonymous_by_name(views.get_user_from_session)


def purge_if_over(listed: Any) -> bool:
    """Delete django-allauth's record of a session that is over, and tell whether it was.

    It is over when the revocation list denies it, or the longest lifetime of a session has passed.

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
    """Return django-cas-ng's function for the user of a session that it is about to end."""
    anonymous = import_module("django.contrib.auth.models").AnonymousUser

    def get_user_from_session(session: Any) -> Any:
        if isinstance(session, SessionStore) and session.is_name:
            return anonymous()
        return get_user(session)

    return get_user_from_session
