"""A client that keeps cookies and follows redirects as a browser does on localhost."""

from __future__ import annotations

import re
from email.message import Message
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from urllib.request import Request

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from http.client import HTTPResponse

PATIENCE = 60.0  # seconds until a server that hangs is a failure; no test waits for it to pass


class Browser(httpx.Client):
    """A browser without a screen.

    Attributes:
        jar: Its cookies. It also sends Secure cookies to http, as browsers do on localhost.
    """

    def __init__(self, url: str) -> None:
        self.jar = CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))
        self._copies: list[Browser] = []
        # The client's own jar would keep the Secure cookies back.
        hooks: dict[str, list[Callable[..., Any]]] = {
            "request": [self._send_cookies],
            "response": [self._keep_cookies],
        }
        super().__init__(base_url=url, follow_redirects=True, timeout=PATIENCE, event_hooks=hooks)

    def copied(self) -> Browser:
        """Return another browser with a copy of every cookie: what a thief has."""
        thief = Browser(str(self.base_url))
        for cookie in self.jar:
            thief.jar.set_cookie(cookie)
        self._copies.append(thief)
        return thief

    def quit(self) -> None:
        """Forget the cookies that end with the browser, as when it is started again."""
        self.jar.clear_session_cookies()

    def close(self) -> None:
        """Close it and its copies."""
        super().close()
        for copy in self._copies:
            copy.close()

    def submit(self, path: str, fields: Mapping[str, Any] | None = None) -> httpx.Response:
        """Open a page, and fill in a form of it."""
        return self.fill(self.get(path), fields)

    def fill(self, page: httpx.Response, fields: Mapping[str, Any] | None = None) -> httpx.Response:
        """Send a form of an open page with its hidden fields and the given ones.

        It is the last form that has the given fields; otherwise the last of all.
        """
        forms = re.findall(r"<form.*?</form", page.text, re.DOTALL)
        having = [form for form in forms if all(f'name="{name}"' in form for name in fields or ())]
        form = (having or forms)[-1]
        hidden = dict(map(_named, re.findall(r"<input[^>]*type=.hidden[^>]*>", form)))
        target = re.match(r'<form[^>]*?\saction="([^"]*)"', form)
        where = page.url.join(target[1]) if target and target[1] else page.url
        return self.post(where, data={**hidden, **(fields or {})})

    def _send_cookies(self, request: httpx.Request) -> None:
        asking = Request(str(request.url))  # noqa: S310 - it carries headers and opens nothing
        self.jar.add_cookie_header(asking)
        request.headers.pop("Cookie", None)
        if cookies := asking.get_header("Cookie"):
            request.headers["Cookie"] = cookies

    def _keep_cookies(self, response: httpx.Response) -> None:
        message = Message()
        for value in response.headers.get_list("set-cookie"):
            message["Set-Cookie"] = value
        answer = cast("HTTPResponse", SimpleNamespace(info=lambda: message))
        self.jar.extract_cookies(answer, Request(str(response.url)))  # noqa: S310 - likewise


def _named(tag: str) -> tuple[str, str]:
    name = re.search(r'name=["\']([^"\']*)', tag)
    value = re.search(r'value=["\']([^"\']*)', tag)
    return (name[1] if name else "", value[1] if value else "")
