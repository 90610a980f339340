"""Django's system checks for unsafe or ineffective settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.utils.module_loading import import_string

from tokensession.adapters.django.configured import configured_manager
from tokensession.adapters.django.middleware import DJANGOS, SessionMiddleware
from tokensession.errors import ConfigError
from tokensession.sessions.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokensession.web.cookies import Cookie

_ENGINE = "tokensession.adapters.django"
_WITHOUT_EFFECT = {
    "SESSION_SAVE_EVERY_REQUEST": "sessions are renewed in time; see Policy(renew_after=...)",
    "SESSION_SERIALIZER": "states are written as msgpack, without pickle; remove it",
    "SESSION_CACHE_ALIAS": "nothing is stored; remove it",
    "SESSION_FILE_PATH": "nothing is stored; remove it",
}

# Applications that end other sessions by their keys.
_ENDS_SESSIONS: Final = (
    "allauth.usersessions", "django_cas_ng", "preventconcurrentlogins", "qsessions",
    "single_session", "user_sessions",
)  # fmt: skip


@checks.register("security")  # type: ignore[untyped-decorator]
def check_settings(**_: Any) -> list[checks.CheckMessage]:
    """Return the errors and warnings about the session settings."""
    return [*_errors(), *_warnings()]


def _errors() -> Iterator[checks.CheckMessage]:
    try:
        cookie: Cookie = configured_manager().cookie  # type: ignore[assignment]  # no Header here
    except ConfigError as error:
        yield checks.Error(str(error), id="tokensession.E001")
    else:
        if cookie.http_development and not settings.DEBUG:
            yield checks.Error(
                "the session's cookie is not Secure, so the network can read it",
                hint="remove http_development=True, or set it from DEBUG",
                id="tokensession.E002",
            )
    if settings.SESSION_ENGINE != _ENGINE:
        hint = f"SESSION_ENGINE = {_ENGINE!r}"
        yield checks.Error(
            "SESSION_ENGINE is a different engine", hint=hint, id="tokensession.E003"
        )
    classes = [import_string(name) for name in settings.MIDDLEWARE]
    ours = any(isinstance(c, type) and issubclass(c, SessionMiddleware) for c in classes)
    if not ours or DJANGOS in settings.MIDDLEWARE:
        yield checks.Error(
            "MIDDLEWARE has Django's own SessionMiddleware, which accepts ambiguous cookies and "
            "does not renew sessions",
            hint=f"replace it by {_ENGINE}.SessionMiddleware",
            id="tokensession.E004",
        )


def _warnings() -> Iterator[checks.CheckMessage]:
    if not settings.SESSION_COOKIE_NAME.startswith(("__Host-", "__Secure-")):
        yield checks.Warning(
            "the session's cookie has no prefix, so other hosts of the domain can set it",
            hint='SESSION_COOKIE_NAME = "__Host-session"',
            id="tokensession.W001",
        )
    if settings.is_overridden("SESSION_COOKIE_AGE") and not hasattr(
        settings, "TOKENSESSION_POLICY"
    ):
        yield checks.Warning(
            "SESSION_COOKIE_AGE limits set_expiry(), and is not an idle timeout",
            hint="set TOKENSESSION_POLICY to a Policy",
            id="tokensession.W002",
        )
    for name, hint in _traps():
        yield checks.Warning(name, hint=hint, id="tokensession.W003")
    for name, hint in _WITHOUT_EFFECT.items():
        if settings.is_overridden(name):
            yield checks.Warning(f"{name} has no effect", hint=hint, id="tokensession.W002")


def _traps() -> Iterator[tuple[str, str]]:
    """Return the settings at which other packages fail, each with its fix."""
    policy = getattr(settings, "TOKENSESSION_POLICY", None)
    age = int(settings.SESSION_COOKIE_AGE)
    longest = policy.longest_cap if isinstance(policy, Policy) else None
    if longest is not None and longest < age:
        trap = f"TOKENSESSION_POLICY allows {longest} s, and boxes for 'remember me' ask for"
        yield f"{trap} SESSION_COOKIE_AGE, {age} s", f"set Policy(longest={age})"
    if not hasattr(settings, "TOKENSESSION_REVOCATION"):
        for name in _ENDS_SESSIONS:
            if apps.is_installed(name):
                trap = f"{name} ends sessions from elsewhere, which needs a revocation list"
                yield trap, "set TOKENSESSION_REVOCATION to a revocation store"
    if apps.is_installed("django.contrib.sessions"):
        for relation in apps.get_model("sessions", "Session")._meta.related_objects:
            label = relation.related_model._meta.label
            trap = f"{label}.{relation.field.name} refers to the table of sessions, which is empty"
            yield trap, "store request.session.session_key as text instead"
