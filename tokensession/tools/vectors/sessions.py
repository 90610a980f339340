"""Run the cases of lifetimes.json and cookies.json: dates of tokens, and cookies of requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensession.keys.ring import KeyRing
from tokensession.sessions.policy import Policy
from tokensession.tokens.codec import SessionCodec
from tokensession.tools.vectors.tagged import compare
from tokensession.web.cookies import Cookie
from tokensession.web.manager import SessionManager

if TYPE_CHECKING:
    from tokensession.tools.vectors.files import Case


def run_lifetimes(case: Case, content: dict[str, Any]) -> tuple[str, str | None]:
    """Read, make or renew a token, and check its dates."""
    given, now = case["given"], case["now"]
    rotation = {"token_lifetime": case["token_lifetime"]}
    ring = KeyRing.from_jwks({"keys": [content["key"]], "rotation": rotation})
    limits: dict[str, Any] = {name: case[name] for name in ("absolute_timeout", "longest")}
    if case["operation"] == "new":
        limits["idle_timeout"] = given["idle_window"]
    codec = SessionCodec(ring, policy=Policy(**limits))
    if case["operation"] == "new":
        token = codec.encode({}, cap=given["cap"], now=now)
    elif case["operation"] == "renew":
        token = codec.renew(codec.decode(case["token"], now=given["iat"]), now=now)
    else:
        token = case["token"]
    session = codec.decode(token, now=now)
    if case["operation"] == "read":
        return "ok", compare("dies_at", session.expires_at, case.get("dies_at"))
    dates = {"iat": session.issued_at, "ttl": session.ttl, "cap": session.cap}
    found = dates | {"age": session.issued_at - session.started_at}
    return "ok", compare("claims", found, case.get("claims"))


def run_cookies(case: Case, content: dict[str, Any]) -> tuple[str, str | None]:
    """Open the session of a request."""
    cookie = Cookie(name=case["name"])
    manager = SessionManager(KeyRing.from_jwks(content["document"]), cookie=cookie)
    headers = [(b"cookie", line.encode("latin-1")) for line in case["headers"]]
    if not cookie.read(headers):
        return "none", None
    session = manager.open(headers, now=case["now"])
    if session.refused is not None:
        return session.refused, None
    return "ok", compare("sid", session.sid.hex(), case.get("sid"))
