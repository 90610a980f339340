"""django-allauth: accounts, second factors, other sessions, and sign-in by an OpenID provider."""

from __future__ import annotations

import os

from tests.ecosystem.apps.django import settings
from tests.ecosystem.apps.django.settings import begin

INSTALLED_APPS = [
    *settings.INSTALLED_APPS,
    "allauth",
    "django.contrib.humanize",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
]
MIDDLEWARE = [
    *settings.MIDDLEWARE,
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_RATE_LIMITS = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_REAUTHENTICATION_REQUIRED = True
MFA_TOTP_TOLERANCE = 20  # of 30 s each: no test waits for a clock
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
USERSESSIONS_TRACK_ACTIVITY = True
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "APPS": [
            {
                "provider_id": "school",
                "name": "School",
                "client_id": "shop",
                "secret": "a secret of this application and the provider",
                "settings": {"server_url": os.environ["PROVIDER"]},
            }
        ]
    }
}
app = begin(globals())

from django.core import mail
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path


def home(request: HttpRequest) -> JsonResponse:
    """Tell who has signed in, and what the session keeps."""
    session = request.session
    user = request.user.email if request.user.is_authenticated else None
    return JsonResponse({"user": user, "subject": session.subject, "keys": sorted(session)})


def outbox(_: HttpRequest) -> HttpResponse:
    """Show the newest mail."""
    return HttpResponse(mail.outbox[-1].body)


urlpatterns = [
    path("", home),
    path("outbox", outbox),
    path("accounts/", include("allauth.urls")),
]
