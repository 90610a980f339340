"""The endpoint at which an OpenID provider ends sessions.

It follows OpenID Connect Back-Channel Logout 1.0 with the errata of 15 December 2023.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qs

from tokensession.errors import ConfigError, StateError, StoreError
from tokensession.format.core_values import check_switch
from tokensession.format.seconds import whole_seconds
from tokensession.openid.logout_token import (
    ALGORITHMS,
    BadLogoutToken,
    Expected,
    read_logout_token,
)
from tokensession.openid.provider_keys import ProviderKeys
from tokensession.sessions.steps import one_step, run_beside
from tokensession.tokens.revoking import Revoker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tokensession.tokens.codec import SessionCodec

MAX_BODY: Final = 64 * 1024  # bytes
_FORM: Final = "application/x-www-form-urlencoded"
_REASONS: Final = {
    200: "OK", 400: "Bad Request", 405: "Method Not Allowed", 413: "Content Too Large",
    415: "Unsupported Media Type", 503: "Service Unavailable",
}  # fmt: skip

_log = logging.getLogger("tokensession")


class Answer(NamedTuple):
    """The response to the provider.

    Attributes:
        status: 200 when the sessions have ended, or none was there; 400 for a bad request.
        headers: Names and values.
        body: JSON, or empty.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def _sub(claims: Mapping[str, Any]) -> str | int | None:
    sub: str | None = claims.get("sub")
    return sub


class BackChannelLogout:
    """Ends sessions when the OpenID provider says so.

    An instance is an ASGI application, `wsgi` is a WSGI application, and `handle` serves any other
    framework. Thread-safe.

    Args:
        codec: The application's codec, with a revocation list. With a directory, a token that names
            the provider's session ends the sessions that were signed in with it, by
            ``session.sign_in(subject, provider=(issuer, sid))``.
        issuer: The provider's issuer, as its tokens name it.
        audience: The client id of this application.
        keys: The https address of the provider's JWK Set (`jwks_uri` in its metadata), or the set.
        subject: Returns the subject of your sessions for the token's claims; by default `sub`.
            None where the user is not known here.
        algorithms: The accepted algorithms, all of them asymmetric.
        require_exp: Whether a token must have `exp`. Some providers omit it; then a token counts
            for five minutes after its `iat`.
        require_typ: Whether the token's header must have the type ``logout+jwt``.

    Raises:
        ConfigError: The codec has no revocation list, or an argument is invalid.
    """

    __slots__ = ("_codec", "_expected", "_keys", "_subject")

    def __init__(
        self,
        codec: SessionCodec[Any],
        *,
        issuer: str,
        audience: str,
        keys: str | Mapping[str, Any],
        subject: Callable[[Mapping[str, Any]], str | int | None] = _sub,
        algorithms: Iterable[str] = ALGORITHMS,
        require_exp: bool = True,
        require_typ: bool = True,
    ) -> None:
        if not isinstance(codec, Revoker):
            raise ConfigError(f"codec must be a SessionCodec, not {type(codec).__name__}")
        if codec.revocations is None:
            raise ConfigError(
                "a provider's log-out needs a revocation list: pass SessionCodec(revocation=store)"
            )
        for name, value in (("issuer", issuer), ("audience", audience)):
            if not isinstance(value, str) or not value:
                raise ConfigError(f"{name} must be text, as the provider's tokens have it")
        chosen = tuple(algorithms) if isinstance(algorithms, Iterable) else ()
        unknown = [name for name in chosen if name not in ALGORITHMS]
        if isinstance(algorithms, str) or unknown or not chosen:
            raise ConfigError(f"algorithms must be some of {', '.join(ALGORITHMS)}")
        if not callable(subject):
            raise ConfigError("subject must be a function of the token's claims")
        check_switch("require_exp", require_exp)
        check_switch("require_typ", require_typ)
        self._codec = codec
        self._expected = Expected(issuer, audience, chosen, require_exp, require_typ)
        self._keys = ProviderKeys(keys)
        self._subject = subject

    def handle(self, body: bytes, content_type: str | None, *, now: float | None = None) -> Answer:
        """Return the answer to a POST, after the sessions have ended.

        It does I/O: call it in a thread where that must not block.

        Args:
            body: The request's body.
            content_type: Its Content-Type.
            now: Unix seconds; the system's clock when None.
        """
        if (content_type or "").partition(";")[0].strip().lower() != _FORM:
            return _refusal(415, f"the content type must be {_FORM}")
        if len(body) > MAX_BODY:
            return _refusal(413, f"the body has more than {MAX_BODY} bytes")
        try:
            claims = read_logout_token(
                _logout_token(body), self._expected, self._keys.key, whole_seconds(now)
            )
            self._end(claims, now)
        except (BadLogoutToken, StateError) as error:  # a sub or sid that is no text of ours
            _log.warning("a log-out of the OpenID provider was refused: %s", error)
            return _refusal(400, str(error))
        except StoreError as error:
            _log.warning("a log-out of the OpenID provider failed: %s", error)
            return _refusal(503, "the sessions could not be ended: try again", code="server_error")
        return Answer(200, [("Cache-Control", "no-store")], b"")

    def _end(self, claims: Mapping[str, Any], now: float | None) -> None:
        """End the sessions that a logout token names."""
        sid = claims.get("sid")
        if sid is not None and getattr(self._codec, "directory", None) is not None:
            issuer = self._expected.issuer
            if self._codec.end_provider_session(issuer, sid, now=now):
                return
        subject = self._subject(claims) if "sub" in claims else None
        if subject is not None:
            self._codec.revoke_subject(subject, now=now)
        elif "sub" not in claims:
            _log.warning(
                "the OpenID provider has ended a session by its sid alone, and no session was "
                "signed in with it; pass provider=(issuer, sid) to sign_in, with a directory"
            )

    async def __call__(
        self,
        scope: Mapping[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Serve as an ASGI application."""
        if scope["type"] != "http":
            raise ConfigError(f"a provider's log-out comes over HTTP, not {scope['type']}")
        answer = _refusal(405, "use POST")
        if scope["method"] == "POST":
            body, more = b"", True
            while more and len(body) <= MAX_BODY:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                body += message.get("body", b"")
                more = message.get("more_body", False)
            kinds = [value for name, value in scope["headers"] if name == b"content-type"]
            kind = kinds[0].decode("latin-1") if len(kinds) == 1 else None
            answer = await run_beside(one_step(partial(self.handle, body, kind)))
        headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
        headers.append((b"content-length", str(len(answer.body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    def wsgi(
        self, environ: Mapping[str, Any], start_response: Callable[..., object]
    ) -> list[bytes]:
        """Serve as a WSGI application."""
        answer = _refusal(405, "use POST")
        if environ["REQUEST_METHOD"] == "POST":
            length = environ.get("CONTENT_LENGTH") or ""
            whole = MAX_BODY + 1 if environ.get("wsgi.input_terminated") else 0
            size = min(int(length), MAX_BODY + 1) if length.isdecimal() else whole
            body = environ["wsgi.input"].read(size)
            answer = self.handle(body, environ.get("CONTENT_TYPE"))
        headers = [*answer.headers, ("Content-Length", str(len(answer.body)))]
        start_response(f"{answer.status} {_REASONS[answer.status]}", headers)
        return [answer.body]


def _logout_token(body: bytes) -> str:
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=10)
    except ValueError:
        fields = {}
    tokens = fields.get("logout_token", [])
    if len(tokens) != 1:
        raise BadLogoutToken("the form must have one logout_token")
    return tokens[0]


def _refusal(status: int, reason: str, code: str = "invalid_request") -> Answer:
    body = json.dumps({"error": code, "error_description": reason}).encode()
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    if status == 405:  # noqa: PLR2004  # a status of HTTP
        headers.append(("Allow", "POST"))
    if status == 503:  # noqa: PLR2004  # likewise
        headers.append(("Retry-After", "1"))
    return Answer(status, headers, body)
