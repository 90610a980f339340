"""The views that these applications have in common: sign in and out by password, and who it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth import views
from django.http import JsonResponse
from django.urls import path
from django.views.decorators.csrf import ensure_csrf_cookie

if TYPE_CHECKING:
    from django.http import HttpRequest


@ensure_csrf_cookie
def home(request: HttpRequest) -> JsonResponse:
    """Tell who has signed in, and what the session keeps."""
    user = request.user.get_username() if request.user.is_authenticated else None
    kept = {key: value for key, value in request.session.items() if not key.startswith("_auth")}
    return JsonResponse({"user": user, "subject": request.session.subject, "session": kept})


accounts = [
    path("", home),
    path("accounts/login/", views.LoginView.as_view()),
    path("accounts/logout/", views.LogoutView.as_view()),
]
