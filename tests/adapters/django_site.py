"""A Django project: the settings and the paths of the conformance suite, and an admin site."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path

from .conformance import (
    OWN_SESSIONS,
    RING,
    Handled,
    answer_to,
    headers_of,
    note_after,
    own_session_of,
    stream,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from django.http import HttpRequest

MIDDLEWARE = [
    "tokensession.adapters.django.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

if not settings.configured:
    settings.configure(
        SECRET_KEY="a secret of another library, 32 bytes long",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        SESSION_ENGINE="tokensession.adapters.django",
        SESSION_COOKIE_NAME="__Host-session",
        TOKENSESSION_KEYS=RING,
        MESSAGE_STORAGE="django.contrib.messages.storage.session.SessionStorage",
        USE_TZ=True,
        MIDDLEWARE=MIDDLEWARE,
        TEMPLATES=TEMPLATES,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        STATIC_URL="/static/",
        LOGGING_CONFIG=None,
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "tokensession.adapters.django",
        ],
    )
    django.setup()

from django.contrib import admin  # noqa: E402  # needs the settings
from django.contrib.auth.models import User as User  # noqa: E402, PLC0414  # likewise

from tokensession.adapters.django import SessionMiddleware as SessionMiddleware  # noqa: E402, PLC0414


class ByPath:
    """Django has one session; the suite's sessions are those of different paths.

    The one that it asks for beside another is the WSGI or ASGI middleware's.
    """

    sync_capable = async_capable = True

    def __new__(cls, get_response: Any) -> Any:
        """Return a middleware that serves each path with its session."""
        made = {}
        for key, manager in OWN_SESSIONS.items():
            name = getattr(manager.cookie, "name", "")
            with override_settings(TOKENSESSION_KEYS=manager, SESSION_COOKIE_NAME=name):
                made[key] = SessionMiddleware(get_response)
        return _Chosen(made)


class _Chosen(SessionMiddleware):
    def __init__(self, made: dict[str, SessionMiddleware]) -> None:
        super().__init__(made["session"].get_response)
        self._made = made

    def _of(self, request: HttpRequest) -> SessionMiddleware:
        return self._made[own_session_of(request.path)]

    def process_request(self, request: HttpRequest) -> None:
        """Open that of the path."""
        self._of(request).process_request(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> Any:
        """Answer what it answers."""
        return self._of(request).process_exception(request, exception)

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Save it."""
        return self._of(request).process_response(request, response)


def session_of(request: HttpRequest, key: str) -> Any:
    """Return a session of a request."""
    if key != "admin":
        return request.session
    return request.scope[key] if hasattr(request, "scope") else request.environ[key]


def log(get_response: Any) -> Any:
    """Return the outermost middleware, which looks at the session once the view has answered."""

    def around(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        note_after(partial(session_of, request), request.path)
        return response

    return around


def operation(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """Answer ``/KIND/NAME``."""
    try:
        given = answer_to(partial(session_of, request), kind, name, request.GET)
    except Handled:
        return HttpResponse("handled", status=409)
    return HttpResponse(given.body, status=given.status, headers=dict(given.headers))


def streaming(request: HttpRequest, name: str) -> StreamingHttpResponse:
    """Answer ``/stream/NAME``."""
    chunks = stream(request.session, name)
    whole = chain([next(chunks)], chunks)

    async def parts() -> AsyncIterator[bytes]:
        for chunk in whole:
            yield chunk

    return StreamingHttpResponse(
        parts() if hasattr(request, "scope") else whole, headers=dict(headers_of(request.GET))
    )


urlpatterns = [
    path("admin-site/", admin.site.urls),
    path("stream/<name>", streaming),
    path("<kind>/<name>", operation),
]

BY_PATH = [f"{__name__}.log", f"{__name__}.ByPath", *MIDDLEWARE[1:]]


def wsgi_application() -> Any:
    """Return the WSGI application of the conformance suite."""
    with override_settings(MIDDLEWARE=BY_PATH):
        return get_wsgi_application()


def asgi_application() -> Any:
    """Return the ASGI application of the conformance suite."""
    with override_settings(MIDDLEWARE=BY_PATH):
        return get_asgi_application()
