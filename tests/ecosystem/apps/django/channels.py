"""Channels: a WebSocket that knows the user, and signs out."""

from __future__ import annotations

from typing import Any

from tests.ecosystem.apps.django import settings
from tests.ecosystem.apps.django.settings import begin

INSTALLED_APPS = [*settings.INSTALLED_APPS, "channels"]
http = begin(globals(), asgi=True)

from asgiref.sync import async_to_sync
from channels.auth import AuthMiddlewareStack, logout
from channels.generic.websocket import JsonWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.ecosystem.apps.django.views import accounts


class Chat(JsonWebsocketConsumer):
    """A conversation with a user."""

    def receive_json(self, content: str, **_: Any) -> None:
        """Do what a message says."""
        session, user = self.scope["session"], self.scope["user"]
        if content == "who":
            self.send_json([user.username, session.get("colour")])
        elif content == "change":
            session["colour"] = "blue"
            session.save()  # raises: no response gives the browser its new token
        elif content == "sign out":
            async_to_sync(logout)(self.scope)
            self.send_json("bye")


def paint(request: HttpRequest) -> HttpResponse:
    """Keep a colour in the session."""
    request.session["colour"] = "red"
    return HttpResponse()


urlpatterns = [*accounts, path("paint", paint)]
app = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": AuthMiddlewareStack(URLRouter([path("chat", Chat.as_asgi())])),
    }
)
