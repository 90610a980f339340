"""Adapt packages that look up other sessions by their keys.

Such a key is only a name, so they cannot read the session and treat it as anonymous. django-allauth
would then forget the session, and django-cas-ng would not end it. This module makes them use the
known facts. Code that looks for sessions in Django's table finds none, so the log warns about it.
"""

from __future__ import annotations

import logging
from importlib import import_module
from time import time
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps

from tokensession.adapters.django.configured import configured_manager
from tokensession.adapters.django.store import SessionStore

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger("tokensession")

_NO_TABLE: Final = (
    "Session.objects has no session, because browsers carry them: end one by "
    "SessionStore().delete(session_key), and all of a user's by "
    "configured_manager().codec.revoke_subject(user.pk), both of tokensession.adapters.django "
    "(this is logged once)"
)


def adapt_packages() -> None:
    """Adapt the installed packages."""
    if apps.is_installed("django.contrib.sessions"):
        tell_of_empty_table(apps.get_model("sessions", "Session").objects)
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


def tell_of_empty_table(objects: Any) -> None:
    """Log a WARNING when something first asks Django's table for sessions.

    Applications end a user's sessions by the rows of that table. Without a row they end nothing.

    Args:
        objects: ``Session.objects``.
    """
    get_queryset = objects.get_queryset

    def telling() -> Any:
        # Of two threads at once, one warns.
        if vars(objects).pop("get_queryset", None) is not None:
            _log.warning(_NO_TABLE)
        return get_queryset()

    objects.get_queryset = telling


def _anonymous_by_name(get_user: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return django-cas-ng's function for the user of a session that it will end."""
    anonymous = import_module("django.contrib.auth.models").AnonymousUser

    def get_user_from_session(session: Any) -> Any:
        if isinstance(session, SessionStore) and session.is_name:
            return anonymous()
        return get_user(session)

    return get_user_from_session
