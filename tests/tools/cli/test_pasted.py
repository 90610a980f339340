"""What a person pastes in the place of a token: a cookie, or a header."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tools.cli.test_program import DONE, REFUSED, Cli, assert_complaint, cli
from tokensession import encode

if TYPE_CHECKING:
    from tokensession import KeyRing

__all__ = ["cli"]

ATTRIBUTES = "Max-Age=1800; Path=/; Secure; HttpOnly; SameSite=Lax"


@pytest.mark.parametrize(
    "form",
    [
        "__Host-session={}",
        "session={}",
        "__Host-session={}\n",
        "Cookie: __Host-session={}",
        "cookie:__Host-session={}; theme=dark",
        "theme=dark; __Host-session={}",
        f"Set-Cookie: __Host-session={{}}; {ATTRIBUTES}",
        f"set-cookie: __Host-session={{}}; {ATTRIBUTES}\r\n",
        f"__Host-session={{}}; {ATTRIBUTES}",
        "_ga=GA1.2.345.678; __Host-session={}; __Host-admin=eyJ.eyJ.eyJ",
    ],
)
def test_a_cookie(cli: Cli, hs256: KeyRing, form: str) -> None:
    """`decode` and `inspect` find the token at each place of a cookie header."""
    pasted = form.format(encode({"user_id": 42}, hs256))
    result = cli("decode", cli.keys(hs256), "--json", stdin=pasted)
    assert (result.code, result.json["state"]) == (DONE, {"user_id": 42})
    assert cli("inspect", stdin=pasted).code == DONE


def test_the_context_is_that_of_the_cookies_name(cli: Cli, hs256: KeyRing) -> None:
    """The cookie's name gives the context, unless an option does; that also picks the cookie."""
    path = cli.keys(hs256)
    admin = encode({"a": 1}, hs256, context="admin")
    session = encode({"s": 1}, hs256)
    alone = cli("decode", path, "--json", stdin=f"__Secure-admin={admin}").json
    assert (alone["context"], alone["state"]) == ("admin", {"a": 1})
    both = f"Cookie: __Host-admin={admin}; __Host-session={session}"
    assert cli("decode", path, "--json", stdin=both).json["state"] == {"s": 1}
    empty = cli("decode", path, "--context", "", stdin=f"__Host-admin={admin}")
    assert (empty.code, "context must be" in empty.err) == (2, True)
    chosen = cli("decode", path, "--json", "--context", "admin", stdin=both)
    assert chosen.json["state"] == {"a": 1}
    other = cli("decode", path, "--context", "other", stdin=f"__Host-admin={admin}")
    assert (other.code, "bad_signature" in other.err) == (REFUSED, True)


def test_the_header_of_an_api(cli: Cli, hs256: KeyRing) -> None:
    """A bearer token has the context of headers."""
    token = encode({"n": 1}, hs256, context="header")
    for form in ("Authorization: Bearer {}", "bearer {}"):
        result = cli("decode", cli.keys(hs256, form[:3]), "--json", stdin=form.format(token))
        assert (result.code, result.json["context"]) == (DONE, "header")


def test_several_tokens_and_none_to_choose(cli: Cli, hs256: KeyRing) -> None:
    """The error says how to choose, and repeats no name and no value."""
    path, token = cli.keys(hs256), encode({}, hs256, context="a")
    result = cli("decode", path, stdin=f"aaaa={token}; bbbb={token}")
    assert_complaint(result, "2 of these cookies hold a token", "--context")
    assert "aaaa" not in result.err
    assert_complaint(cli("decode", path, stdin="aaaa=1; bbbb=2"), "none of these cookies")


@pytest.mark.parametrize("form", ["{}=", "a={}x", "__Host-session={}.", "session="])
def test_a_token_that_was_changed_is_refused_as_such(cli: Cli, hs256: KeyRing, form: str) -> None:
    """A single cookie is taken for the session's, with any value."""
    pasted = form.format(encode({}, hs256))
    assert cli("decode", cli.keys(hs256), stdin=pasted).code == REFUSED
