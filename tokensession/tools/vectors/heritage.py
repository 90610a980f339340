"""Run the cases of heritage.json: what a session hands down to later tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tokensession.keys.ring import KeyRing
from tokensession.sessions.policy import Policy
from tokensession.tokens.codec import SessionCodec
from tokensession.tools.vectors.tagged import compare

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.sessions.session import Session
    from tokensession.tools.vectors.files import Case


def run_heritage(case: Case, content: dict[str, Any]) -> tuple[str, str | None]:
    """Read a session, run the verb, and inspect the token that is written."""
    keys = [jwk | {"nbf": int(jwk["kid"] == case["signs"])} for jwk in content["keys"]]
    policy = Policy(absolute_timeout=None)
    codec: SessionCodec[Any] = SessionCodec(KeyRing.from_jwks({"keys": keys}), policy=policy)
    now = case["now"]
    session = codec.new(now=now) if case["token"] is None else codec.decode(case["token"], now=now)
    sid = session.sid
    _VERBS[case["verb"]](session, case["subject"])
    token = codec.renew(session, now=now)
    if (session.sid == sid) != (case["verb"] == "renew"):
        return "ok", "the session id is not as the verb has it"
    written = codec.decode(token, now=now)
    # A session without a subject does not show these values, so read its claims.
    opened = codec.reader.open(token, now, codec.rings.current())
    found = (written.kid, written.started_at, written.signers, opened.claims.auth)
    signers = tuple(case.get("signers") or ())
    expected = (case["signs"], case.get("start"), signers, case.get("auth"))
    return "ok", compare("written", found, expected)


def _clear_and_sign_in(session: Session[Any], subject: str) -> None:
    session.clear()
    session.sign_in(subject)


_VERBS: Final[dict[str, Callable[[Session[Any], str], None]]] = {
    "renew": lambda *_: None,
    "regenerate": lambda session, _: session.regenerate(),
    "reauthenticate": lambda session, _: session.reauthenticate(),
    "sign_in": lambda session, subject: session.sign_in(subject),
    "clear_and_sign_in": _clear_and_sign_in,
}
