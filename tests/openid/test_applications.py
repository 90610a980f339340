"""The endpoint as an ASGI and a WSGI application, over real HTTP."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.adapters.servers import PATIENCE, serve_asgi, serve_wsgi
from tokensession.openid.back_channel import MAX_BODY

from .test_back_channel import Shop
from .tokens import FORM, form, logout_token

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=["asgi", "wsgi"])
def served(request: pytest.FixtureRequest) -> Iterator[tuple[Shop, str]]:
    """Give a shop, and the address of its endpoint."""
    shop = Shop()
    serve: Any = (
        serve_asgi(shop.logout) if request.param == "asgi" else serve_wsgi(shop.logout.wsgi)
    )
    with serve as site:
        yield shop, site.url


def test_requests_over_http(served: tuple[Shop, str]) -> None:
    """A good request ends the sessions; every other is answered with what is wrong."""
    shop, url = served
    for method in ("GET", "PUT", "HEAD"):
        answer = httpx.request(method, url, timeout=PATIENCE)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    kind = {"content-type": FORM}
    assert httpx.post(url, content=b"", headers=kind, timeout=PATIENCE).status_code == 400
    assert httpx.post(url, json={"logout_token": "x"}, timeout=PATIENCE).status_code == 415
    assert (
        httpx.post(url, content=b"x" * (MAX_BODY + 1), headers=kind, timeout=PATIENCE).status_code
        == 413
    )
    token = logout_token(int(time()))
    answer = httpx.post(url, content=form(token), headers=kind, timeout=PATIENCE)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert not shop.lives()


def test_a_body_in_pieces(served: tuple[Shop, str]) -> None:
    """It is put together; where the server tells no length and no end, it is refused."""
    shop, url = served
    body = form(logout_token(int(time())))
    pieces = (body[at : at + 100] for at in range(0, len(body), 100))
    kind = {"content-type": FORM, "content-length": str(len(body))}
    assert httpx.post(url, content=pieces, headers=kind, timeout=PATIENCE).status_code == 200
    assert not shop.lives()
