"""What responses say to caches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tokensession import KeyRing, SessionManager
from tokensession.web.caching import add_vary, forbid_storing, is_merged, may_be_stored

if TYPE_CHECKING:
    from tokensession.web.cookies import Headers


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], [(b"vary", b"Cookie")]),
        ([(b"vary", b"Accept")], [(b"vary", b"Accept, Cookie")]),
        ([(b"Vary", b"")], [(b"vary", b"Cookie")]),
        ([(b"VARY", b"cookie")], [(b"VARY", b"cookie")]),
        ([(b"vary", b"*")], [(b"vary", b"*")]),
        ([(b"vary", b"a, *")], [(b"vary", b"a, *")]),
        ([(b"vary", b"a"), (b"x", b"y"), (b"vary", b"b")],
         [(b"vary", b"a"), (b"x", b"y"), (b"vary", b"b, Cookie")]),
        ([(b"vary", b"COOKIE"), (b"vary", b"b")], [(b"vary", b"COOKIE"), (b"vary", b"b")]),
        ([(b"vary", b"Cookies")], [(b"vary", b"Cookies, Cookie")]),
    ],
)  # fmt: skip
def test_vary(before: Headers, after: Headers) -> None:
    """The name is added once, also beside another spelling of it."""
    add_vary(before, b"Cookie")
    assert before == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], b"no-store"),
        ([b"public"], b"no-store"),
        ([b"PUBLIC, max-age=60"], b"max-age=60, no-store"),
        ([b"private", b"No-Store, no-cache"], b"private, no-cache, no-store"),
        ([b" , ,"], b"no-store"),
        ([b"public, Must-Understand, max-age=600"], b"max-age=600, no-store"),
        ([b"max-age=1", b"must-understand"], b"max-age=1, no-store"),
        ([b'must-understand=1, must-understand="a"'], b"no-store"),
        ([b'no-store=0, public=""'], b"no-store"),
        ([b'S-MaxAge=60, s-maxage="60"'], b"no-store"),
        ([b"max-age=60 must-understand"], b"no-store"),
        ([b"private; public, immutable"], b"immutable, no-store"),
        ([b'private="set-cookie", community=UCI'],
         b'private="set-cookie", community=UCI, no-store'),
        ([b'community="a, must-understand, b", no-cache'], b"no-cache, no-store"),
        ([b'community="open', b"max-age=1"], b"max-age=1, no-store"),
    ],
)  # fmt: skip
def test_cache_control(before: list[bytes], after: bytes) -> None:
    """One header says no-store, and no directive that a cache prefers to it."""
    headers = [(b"Cache-Control", value) for value in before] + [(b"x", b"y")]
    forbid_storing(headers)
    assert headers == [(b"x", b"y"), (b"cache-control", after)]


@pytest.mark.parametrize(
    "name",
    [b"CDN-Cache-Control", b"cloudflare-cdn-cache-control", b"Surrogate-Control", b"Edge-Control",
     b"X-Accel-Expires"],
)  # fmt: skip
def test_fields_for_one_cache(name: bytes) -> None:
    """A field that a cache obeys in the place of Cache-Control does not stand beside no-store."""
    headers = [(name, b"max-age=600"), (b"Access-Control-Max-Age", b"5"), (b"expires", b"0")]
    assert is_merged(name.decode())
    assert may_be_stored("GET", [(b"cache-control", b"no-store"), *headers])
    forbid_storing(headers)
    assert headers == [
        (b"Access-Control-Max-Age", b"5"), (b"expires", b"0"), (b"cache-control", b"no-store"),
    ]  # fmt: skip


@pytest.mark.parametrize("kept", [b"access-control-max-age", b"expires", b"age", b"x-vary"])
def test_other_headers_are_the_applications(kept: bytes) -> None:
    """A header that no cache takes for Cache-Control stays as it is."""
    assert not is_merged(kept.decode())
    headers = [(kept, b"1")]
    forbid_storing(headers)
    assert headers[0] == (kept, b"1")


@pytest.mark.parametrize("verb", ["change", "clear"])
def test_a_response_that_speaks_of_the_session(verb: str) -> None:
    """A response that sets or deletes the cookie drops must-understand."""
    manager = SessionManager(KeyRing.generate())
    token = manager.codec.encode({"a": 1}, subject="ada")
    session = manager.open([(b"cookie", b"__Host-session=" + token.encode())])
    if verb == "change":
        session["b"] = 2
    else:
        session.clear()
    headers: Headers = [(b"cache-control", b"public, must-understand"), (b"vary", b"Accept")]
    manager.save(session, headers)
    assert [name for name, _ in headers] == [b"vary", b"set-cookie", b"cache-control"]
    assert headers[-1] == (b"cache-control", b"no-store")
