"""An OpenID Connect provider on 127.0.0.1, which signs in the user that a test names."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENT = ("shop", "the-secret-of-the-shop")
_KID = "provider"


class Provider:
    """A running provider.

    Attributes:
        url: Its issuer, such as ``http://127.0.0.1:41234``.
        user: Who signs in next, without being asked.
    """

    def __init__(self) -> None:
        self.user = "ada"
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._codes: dict[str, dict[str, str]] = {}
        self._tokens: dict[str, str] = {}  # the user of each access token
        handler = type("Handler", (_Handler,), {"provider": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End the provider."""
        self._server.shutdown()
        self._server.server_close()

    def metadata(self) -> dict[str, Any]:
        """Return the document of OpenID Connect Discovery."""
        ends = {"authorization": "authorize", "token": "token", "userinfo": "userinfo",
            "end_session": "logout"}  # fmt: skip
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks",
            **{f"{name}_endpoint": f"{self.url}/{path}" for name, path in ends.items()},
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def jwks(self) -> dict[str, Any]:
        """Return the key that verifies the provider's tokens."""
        public = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": _KID, "use": "sig", "alg": "RS256"}]}

    def authorize(self, query: dict[str, str]) -> str:
        """Return where the browser goes after the user has signed in."""
        code = secrets.token_urlsafe(16)
        self._codes[code] = {**query, "user": self.user}
        answer = {"code": code, "state": query["state"]}
        return f"{query['redirect_uri']}?{urlencode(answer)}"

    def redeem(self, form: dict[str, str]) -> dict[str, Any] | None:
        """Return the tokens for a code, once, and None for any other code."""
        asked = self._codes.pop(form.get("code", ""), None)
        if asked is None or asked["redirect_uri"] != form.get("redirect_uri"):
            return None
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked.get("code_challenge", challenge) != challenge:
            return None
        token = secrets.token_urlsafe(16)
        self._tokens[token] = asked["user"]
        now = int(time.time())
        claims = {"iss": self.url, "aud": asked["client_id"], "iat": now, "exp": now + 600}
        claims |= {name: asked[name] for name in ("nonce",) if name in asked}
        signed = jwt.encode(
            {**claims, **_claims_of(asked["user"])}, self._key, "RS256", headers={"kid": _KID}
        )
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": 600}
        return {**answer, "id_token": signed, "scope": asked.get("scope", "openid")}

    def userinfo(self, token: str) -> dict[str, str] | None:
        """Return the claims of an access token's user."""
        user = self._tokens.get(token)
        return None if user is None else _claims_of(user)


def _claims_of(user: str) -> dict[str, str]:
    return {"sub": f"id-of-{user}", "name": user, "email": f"{user}@example.org"}


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:  # its name in http.server
        """Answer the browser, and the application's questions."""
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        tells: dict[str, Callable[[], Any]] = {
            "/.well-known/openid-configuration": self.provider.metadata,
            "/jwks": self.provider.jwks,
            "/userinfo": lambda: self.provider.userinfo(
                self.headers.get("Authorization", "").removeprefix("Bearer ")
            ),
        }
        if url.path == "/authorize":
            self._redirect(self.provider.authorize(query))
        elif url.path == "/logout":
            state = {"state": query["state"]} if "state" in query else {}
            self._redirect(f"{query['post_logout_redirect_uri']}?{urlencode(state)}")
        else:
            self._tell(tells[url.path](), otherwise=401)

    def do_POST(self) -> None:  # likewise
        """Give tokens for a code to the client that knows its secret."""
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(text).items()}
        basic = self.headers.get("Authorization", "").removeprefix("Basic ")
        given = (form.get("client_id", ""), form.get("client_secret", ""))
        if basic:
            name, _, secret = base64.b64decode(basic).decode().partition(":")
            given = (name, secret)
        self._tell(self.provider.redeem(form) if given == CLIENT else None, otherwise=400)

    def _tell(self, answer: Any, *, otherwise: int) -> None:
        body = json.dumps({"error": "invalid_grant"} if answer is None else answer).encode()
        self.send_response(otherwise if answer is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _redirect(self, where: str) -> None:
        self.send_response(302)
        self.send_header("Location", where)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *values: object) -> None:  # noqa: A002  # http.server's name
        """Log nothing."""
