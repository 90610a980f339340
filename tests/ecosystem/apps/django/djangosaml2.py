"""djangosaml2's middleware: a second session, in a cookie that other sites' forms bring along."""

from __future__ import annotations

from tests.ecosystem.apps.django import settings
from tests.ecosystem.apps.django.settings import begin

MIDDLEWARE = [*settings.MIDDLEWARE, "djangosaml2.middleware.SamlSessionMiddleware"]
SESSION_COOKIE_SECURE = True
app = begin(globals())

from django.http import HttpRequest, JsonResponse
from django.urls import path

from tests.ecosystem.apps.django.views import accounts


def ask(request: HttpRequest) -> JsonResponse:
    """Note a question to the identity provider, as the sign-in view does."""
    asked = request.saml_session.setdefault("_saml_outstanding_queries", {})
    asked[f"id-{len(asked)}"] = "/"
    request.saml_session.modified = True
    return JsonResponse(asked)


def answer(request: HttpRequest) -> JsonResponse:
    """Take the answer to the last question."""
    asked = request.saml_session["_saml_outstanding_queries"]
    asked.popitem()
    request.saml_session.save()
    return JsonResponse(asked)


def end(request: HttpRequest) -> JsonResponse:
    """End the second session."""
    request.saml_session.flush()
    return JsonResponse({})


urlpatterns = [*accounts, path("ask", ask), path("answer", answer), path("end", end)]
