"""How tokens travel: in cookies, in headers of APIs, and what is merged into responses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tokensession import ConfigError, Cookie, Header, KeyRing, SessionManager, SessionTooLarge
from tokensession.web.cookies import (
    MAX_AGE,
    MAX_CANDIDATES,
    MAX_COOKIE,
)

DELETES = "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"


def text(header: tuple[bytes, bytes]) -> str:
    """Return the value of a Set-Cookie header."""
    name, value = header
    assert name == b"set-cookie"
    return value.decode()


class TestAttributes:
    @pytest.mark.parametrize(
        ("cookie", "attributes"),
        [
            (Cookie(), "; Path=/; Secure; HttpOnly; SameSite=Lax"),
            (Cookie(same_site="Strict"), "; Path=/; Secure; HttpOnly; SameSite=Strict"),
            (Cookie(same_site="None"), "; Path=/; Secure; HttpOnly; SameSite=None"),
            (
                Cookie(partitioned=True, same_site="None"),
                "; Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
            ),
            (
                Cookie(name="__Secure-s", domain="example.org", path="/shop"),
                "; Path=/shop; Domain=example.org; Secure; HttpOnly; SameSite=Lax",
            ),
            (
                Cookie(name="session", http_development=True),
                "; Path=/; HttpOnly; SameSite=Lax",
            ),
        ],
    )
    def test_setting_and_deleting_say_the_same(self, cookie: Cookie, attributes: str) -> None:
        """A deletion has the attributes of the cookie, for browsers delete no other."""
        assert text(cookie.write("t", 60)) == f"{cookie.name}=t; Max-Age=60{attributes}"
        assert text(cookie.delete()) == f"{cookie.name}=; {DELETES}{attributes}"

    def test_a_cookie_of_the_browsers_session(self) -> None:
        """It has no Max-Age, but its deletion has."""
        cookie = Cookie(persistent=False)
        assert "Max-Age" not in text(cookie.write("t", 60))
        assert "Max-Age=0" in text(cookie.delete())

    @pytest.mark.parametrize(
        ("name", "context"),
        [
            ("__Host-session", "session"),
            ("__Secure-visit", "visit"),
            ("__Http-a", "a"),
            ("__Host-Http-a", "a"),
            ("__hOST-a", "a"),
            ("session", "session"),
            ("__Hosta", "__Hosta"),
        ],
    )
    def test_the_context_is_the_name_without_its_prefix(self, name: str, context: str) -> None:
        """Browsers compare prefixes without case, so we do."""
        assert Cookie(name=name).context == context

    def test_it_varies_by_cookie(self) -> None:
        """The response depends on the Cookie header."""
        assert Cookie().vary == b"Cookie"


class TestConfigErrors:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"name": ""}, "invalid cookie name: use letters, digits"),
            ({"name": "a b"}, "invalid cookie name: use letters, digits"),
            ({"name": "a=b"}, "invalid cookie name: use letters, digits"),
            ({"name": "a\n"}, "invalid cookie name: use letters, digits"),
            ({"name": "é"}, "invalid cookie name: use letters, digits"),
            ({"name": b"a"}, "invalid cookie name: use letters, digits"),
            ({"same_site": "lax"}, "same_site must be Lax, Strict or None, not 'lax'"),
            ({"same_site": None}, "same_site must be Lax, Strict or None, not None"),
            ({"name": "s", "domain": ""}, "domain '' is not a host name"),
            ({"name": "s", "domain": "a;b"}, "domain 'a;b' is not a host name"),
            ({"name": "s", "domain": "a.example\n"}, "is not a host name"),
            ({"name": "s", "domain": 5}, "domain 5 is not a host name"),
            ({"name": "s", "path": ""}, "path '' must begin with /"),
            ({"name": "s", "path": "shop"}, "path 'shop' must begin with /"),
            ({"name": "s", "path": "/a;b"}, "must begin with / and contain no ; or white space"),
            ({"name": "s", "path": "/a\n"}, "must begin with / and contain no ; or white space"),
            ({"name": "s", "path": None}, "path None must begin with /"),
            ({"domain": "example.org"}, 'rename the cookie to "__Secure-..."'),
            (
                {"name": "__Host-Http-a", "domain": "example.org"},
                "browsers refuse the prefix __Host- with a domain",
            ),
            ({"path": "/shop"}, "the prefix __Host- needs path=/"),
            ({"name": "__host-s", "path": "/shop"}, "the prefix __Host- needs path=/"),
            ({"http_development": "false"}, "http_development must be True or False, not str"),
            ({"partitioned": 0}, "partitioned must be True or False, not int"),
            ({"persistent": None}, "persistent must be True or False, not NoneType"),
            ({"http_development": True}, 'Cookie(name="session", http_development=True)'),
            ({"name": "__Secure-s", "http_development": True}, "over plain http use another name"),
            (
                {"name": "s", "http_development": True, "same_site": "None"},
                "need a Secure cookie: use https",
            ),
            (
                {"name": "s", "http_development": True, "partitioned": True},
                "need a Secure cookie: use https",
            ),
        ],
    )
    def test_what_browsers_would_refuse(self, arguments: dict[str, Any], message: str) -> None:
        """It is refused when the application starts, with the remedy."""
        with pytest.raises(ConfigError) as caught:
            Cookie(**arguments)
        assert message in str(caught.value)

    @pytest.mark.parametrize(("length", "good"), [(1023, True), (1024, True), (1025, False)])
    def test_the_length_of_a_path(self, length: int, *, good: bool) -> None:
        """Browsers ignore an attribute of more than 1024 bytes."""
        path = "/" + "a" * (length - 1)
        if good:
            assert Cookie(name="s", path=path).path == path
        else:
            with pytest.raises(ConfigError, match="must begin with /"):
                Cookie(name="s", path=path)

    @pytest.mark.parametrize(("length", "good"), [(252, True), (253, True), (254, False)])
    def test_the_length_of_a_domain(self, length: int, *, good: bool) -> None:
        """A host name has at most 253 characters."""
        domain = "a" * length
        if good:
            assert Cookie(name="s", domain=domain).domain == domain
        else:
            with pytest.raises(ConfigError, match="is not a host name"):
                Cookie(name="s", domain=domain)

    @pytest.mark.parametrize("name", ["", "a b", "a:", "é", None, b"a"])
    @pytest.mark.parametrize("which", ["request", "response"])
    def test_what_is_no_header(self, which: str, name: Any) -> None:
        """Header names are those of RFC 9110."""
        with pytest.raises(ConfigError, match="is not a valid header name"):
            Header(**{which: name})

    @pytest.mark.parametrize("names", [{"request": "Cookie"}, {"response": "set-cookie"}])
    def test_the_headers_of_cookies(self, names: dict[str, str]) -> None:
        """A token without a cookie's name is not a cookie."""
        with pytest.raises(ConfigError, match="use Cookie in place of Header"):
            Header(**names)


class TestLimits:
    @pytest.mark.parametrize(("size", "good"), [(4095, True), (4096, True), (4097, False)])
    def test_the_size_of_a_cookie(self, size: int, *, good: bool) -> None:
        """Name and value together have at most 4096 bytes, however they share them."""
        for cookie in (Cookie(), Cookie(name="s")):
            token = "t" * (size - len(cookie.name))
            if good:
                assert f"={token}; " in text(cookie.write(token, 60))
                continue
            with pytest.raises(SessionTooLarge) as caught:
                cookie.write(token, 60)
            assert (caught.value.size, caught.value.limit) == (size, MAX_COOKIE)
            assert str(caught.value) == (
                f"the cookie {cookie.name} has 4097 bytes (name and value), but browsers keep at "
                "most 4096 and would go on sending the old cookie: keep less in the state, "
                "or pass overflow=stores.connect(url).overflow()"
            )

    @pytest.mark.parametrize(("given", "written"), [(-1, -1), (0, 0), (1, 0)])
    def test_the_age_of_a_cookie(self, given: int, written: int) -> None:
        """Browsers cap it at 400 days, so it says no more."""
        assert MAX_AGE == 400 * 86400
        assert f"; Max-Age={MAX_AGE + written};" in text(Cookie().write("t", MAX_AGE + given))

    def test_what_is_written_already(self) -> None:
        """This very cookie; not one of another name, domain or path, nor another header."""
        cookie = Cookie(name="a", domain="example.org")
        others = [
            replace(cookie, name="b"),
            replace(cookie, domain=None),
            replace(cookie, path="/x"),
        ]
        for other in others:
            assert not cookie.is_written([other.write("t", 60), other.delete()])
        assert not cookie.is_written([(b"x-cookie", cookie.delete()[1]), (b"set-cookie", b"\xff")])
        for written in (cookie.write("t", 60), cookie.delete()):
            assert cookie.is_written([(b"set-cookie", b"b=1"), written])
        assert Header().is_written([(b"vary", b"x"), Header().delete()])
        assert not Header().is_written([(b"vary", b"x"), cookie.delete()])

    @pytest.mark.parametrize("count", [3, 4, 5, 6, 5000])
    def test_the_values_that_are_read(self, count: int) -> None:
        """At most one more than are looked at, so that it shows that there are more."""
        assert MAX_CANDIDATES == 4
        values = [b"%d" % number for number in range(count)]
        pairs = [b"__Host-session=" + value for value in values]
        assert Cookie().read([(b"cookie", b"; ".join(pairs))]) == values[:5]
        assert Cookie().read([(b"cookie", pair) for pair in pairs]) == values[:5]
        assert Header(request="X-T").read([(b"x-t", value) for value in values]) == values[:5]


class TestReading:
    @pytest.mark.parametrize(
        ("line", "values"),
        [
            (b"", []),
            (b"__Host-session", []),
            (b"__Host-session=", [b""]),
            (b"__Host-session=a=b", [b"a=b"]),
            (b'__Host-session="a"', [b'"a"']),
            (b"__Host-session=%41", [b"%41"]),
            (b" \t__Host-session\t =\t a \t", [b"a"]),
            (b"\xe2\x80\x80__Host-session=a", []),
            (b"\xa0__Host-session=a", []),
            (b"__host-session=a", []),
            (b"__Host-session2=a; a__Host-session=b", []),
            (b"a=__Host-session=b", []),
            (b"a=1;__Host-session=b;c=2", [b"b"]),
            (b"__Host-session=a,__Host-session=b", [b"a,__Host-session=b"]),
        ],
    )
    def test_the_raw_header(self, line: bytes, values: list[bytes]) -> None:
        """The name is compared byte for byte, and the value is taken as it stands."""
        assert Cookie().read([(b"accept", line), (b"cookie", line)]) == values

    @pytest.mark.parametrize(
        "headers",
        [
            [(b"Cookie", b"__Host-session=a")],
            [("cookie", "__Host-session=a")],
            [("Host", "shop.example"), ("Cookie", "__Host-session=a")],
            [(b"host", b"shop.example"), (b"AUTHORIZATION", b"Bearer a"), (b"COOKIE", b"")],
        ],
    )
    def test_headers_in_another_form(self, headers: Any) -> None:
        """A cookie that would be overlooked is an error, not a request without a session."""
        with pytest.raises(ConfigError, match="headers must be raw"):
            SessionManager(KeyRing.generate()).open(headers).get("a")

    @pytest.mark.parametrize("name", [b"Authorization", "authorization"])
    def test_a_token_in_another_form(self, name: Any) -> None:
        """So is a token that would be overlooked."""
        with pytest.raises(ConfigError, match="headers must be raw"):
            Header().read([(name, b"Bearer a.b.c")])

    def test_other_headers_are_not_read(self) -> None:
        """Only the Cookie header carries cookies."""
        assert Cookie().read([(b"x-cookie", b"__Host-session=a")]) == []

    @pytest.mark.parametrize(
        ("value", "tokens"),
        [
            (b"Bearer a.b.c", [b"a.b.c"]),
            (b"bEARER \t a.b.c \t", [b"a.b.c"]),
            (b"Bearer", [b""]),
            (b"Basic a.b.c", []),
            (b"Bearera.b.c", []),
            (b"a.b.c", []),
            (b"", []),
        ],
    )
    def test_bearer_tokens(self, value: bytes, tokens: list[bytes]) -> None:
        """The scheme has no case; another scheme is none of ours."""
        assert Header().read([(b"authorization", value), (b"cookie", b"a=b")]) == tokens

    def test_a_header_of_its_own(self) -> None:
        """It holds the token alone."""
        header = Header(request="X-Session", response="X-New-Session", context="api")
        assert header.read([(b"x-session", b" a.b.c "), (b"authorization", b"Bearer x")]) == [
            b"a.b.c"
        ]
        assert header.write("a.b.c", 60) == (b"x-new-session", b"a.b.c")
        assert header.delete() == (b"x-new-session", b"")
        assert header.vary == b"X-Session"
        assert header.context == "api"

    def test_the_default_headers(self) -> None:
        """``Authorization`` in, ``Session-Token`` out."""
        assert Header().write("t", 60) == (b"session-token", b"t")
        assert Header().vary == b"Authorization"
        assert Header().context == "header"
