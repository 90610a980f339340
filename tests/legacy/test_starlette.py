"""The reader of Starlette's cookies, against Starlette."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from itsdangerous import TimestampSigner
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from tokensession.legacy.starlette import StarletteReader

from .contract import SECRET, UNTIL, Timestamped, Values

if TYPE_CHECKING:
    from starlette.requests import Request


def starlette_cookie(state: Any, secret: str = SECRET) -> bytes:
    """Return what a Starlette application sets that puts `state` into its session."""

    async def page(request: Request) -> Response:
        request.session.update(state)
        return Response()

    middleware = [Middleware(SessionMiddleware, secret_key=secret)]
    app = Starlette(routes=[Route("/", page)], middleware=middleware)
    cookie = TestClient(app).get("/").headers["set-cookie"]
    return cookie.removeprefix("session=").partition(";")[0].encode()


class TestStarlette(Timestamped):
    def make(self, state: Any, secret: str = SECRET) -> Values:
        """Return what a real application sets."""
        return (starlette_cookie(state, secret),)

    def signed(self, payload: bytes, secret: str = SECRET) -> Values:
        """Return any payload, signed as the middleware does."""
        return (TimestampSigner(secret).sign(b64encode(payload)),)

    def reader(self, secret: str | bytes = SECRET, **options: Any) -> StarletteReader:
        """Return a reader of Starlette's cookies."""
        given = {"until": UNTIL, "subject": lambda state: state.get("user_id"), **options}
        return StarletteReader(secret, **given)

    def test_what_was_signed_is_its_text_without_the_signature(self) -> None:
        """Payload and time, so that two sessions of equal state differ by it."""
        (value,) = self.make({"a": 1})
        assert self.read((value,)).signed == value.rpartition(b".")[0]
