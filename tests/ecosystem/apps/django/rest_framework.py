"""Django REST framework: its session authentication, and its data kept in a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.ecosystem.apps.django import settings
from tests.ecosystem.apps.django.settings import begin

INSTALLED_APPS = [*settings.INSTALLED_APPS, "rest_framework"]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}
app = begin(globals())

from django.urls import include, path
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.ecosystem.apps.django.views import home

if TYPE_CHECKING:
    from rest_framework.request import Request


class Order(serializers.Serializer):
    """A wish of a user."""

    item = serializers.CharField()
    count = serializers.IntegerField(min_value=1)


class Draft(APIView):
    """An order that waits in the session."""

    def get(self, request: Request) -> Response:
        """Show it."""
        return Response(request.session.get("draft"))

    def post(self, request: Request) -> Response:
        """Keep it, or what is wrong with it."""
        order = Order(data=request.data)
        request.session["draft"] = order.data if order.is_valid() else order.errors
        return Response(request.session["draft"])


urlpatterns = [
    path("", home),
    path("draft", Draft.as_view()),
    path("api-auth/", include("rest_framework.urls")),
]
