"""django-cas-ng: sign-in by a CAS server, which ends the session too."""

from __future__ import annotations

import os

from tests.ecosystem.apps.django import settings
from tests.ecosystem.apps.django.settings import begin

INSTALLED_APPS = [*settings.INSTALLED_APPS, "django_cas_ng"]
MIDDLEWARE = [*settings.MIDDLEWARE, "django_cas_ng.middleware.CASMiddleware"]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "django_cas_ng.backends.CASBackend",
]
CAS_SERVER_URL = os.environ["CAS"] + "/"
CAS_VERSION = "3"
CAS_STORE_NEXT = True
CAS_LOGIN_URL_NAME = "cas_ng_login"
CAS_LOGOUT_COMPLETELY = False
CAS_PROXY_CALLBACK = "/accounts/callback"
app = begin(globals())

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django_cas_ng import views
from django_cas_ng.models import ProxyGrantingTicket

from tests.ecosystem.apps.django.views import home


@login_required(login_url="cas_ng_login")
def papers(request: HttpRequest) -> HttpResponse:
    """Show whose papers they are, and whether others can be asked in the user's name."""
    granted = ProxyGrantingTicket.objects.filter(session_key=request.session.session_key)
    return HttpResponse(f"papers of {request.user}, {granted.count()} granted")


urlpatterns = [
    path("", home),
    path("papers", papers),
    path("accounts/login", views.LoginView.as_view(), name="cas_ng_login"),
    path("accounts/logout", views.LogoutView.as_view(), name="cas_ng_logout"),
    path("accounts/callback", views.CallbackView.as_view(), name="cas_ng_proxy_callback"),
]
