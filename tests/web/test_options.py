"""What managers and adapters are made of: keys with options, or what has them already."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from aiohttp import web
from tornado.web import Application

from tests.conftest import NOW
from tokensession import ConfigError, Cookie, Header, KeyRing, Policy, SessionCodec, SessionManager
from tokensession.adapters import aiohttp, asgi, tornado, wsgi
from tokensession.adapters.aiohttp_session import Session as AiohttpSession
from tokensession.legacy.starlette import StarletteReader
from tokensession.stores.memory.overflow import MemoryStore as States
from tokensession.stores.memory.revocation import MemoryStore as Revocations
from tokensession.web.options import manager_of

from .exchange import POLICY, request, response, token_in

if TYPE_CHECKING:
    from collections.abc import Callable


_app: Any = object()


class Visit(msgspec.Struct):
    """A state of a type."""

    pages: int = 0


class TestManager:
    def test_what_is_no_codec(self) -> None:
        """A file's name is neither codec nor ring."""
        with pytest.raises(ConfigError, match="keys must be a KeyRing, not str"):
            SessionManager("session-keys.json")  # type: ignore[call-overload]

    def test_what_is_no_cookie(self, codec: SessionCodec[Any]) -> None:
        """A name is not a cookie."""
        with pytest.raises(ConfigError, match="cookie must be a Cookie or a Header, not str"):
            SessionManager(codec, cookie="session")  # type: ignore[call-overload]

    @pytest.mark.parametrize("cookie", ["", 0, False, [], ()])
    def test_an_empty_value_is_not_the_default_cookie(self, hs256: KeyRing, cookie: Any) -> None:
        """A setting that is empty by mistake does not choose the cookie."""
        with pytest.raises(ConfigError, match="cookie must be a Cookie or a Header, not"):
            SessionManager(hs256, cookie=cookie)

    @pytest.mark.parametrize(
        "legacy",
        [None, 0, "", {}, StarletteReader("old secret", until="2099-01-01", subject=str)],
    )
    def test_legacy_is_a_list(self, hs256: KeyRing, legacy: Any) -> None:
        """A single reader is refused like any other object that is not a list of readers."""
        with pytest.raises(ConfigError, match=r"legacy must be a list .*: pass legacy=\[reader\]"):
            SessionManager(hs256, legacy=legacy)

    def test_the_default_is_the_owasp_profile(self, hs256: KeyRing) -> None:
        """A ring alone makes a manager of the cookie's context, with OWASP's times."""
        manager = SessionManager(hs256, cookie=Cookie(name="__Host-basket"))
        session = request(manager)
        session.sign_in("ada")
        token = token_in(response(manager, session))
        codec: SessionCodec[Any] = SessionCodec(hs256, context="basket", policy=Policy.owasp())
        found = codec.decode(token, now=NOW)
        assert (found.ttl, found.cap) == (1800, None)

    def test_options_are_the_codecs(self, hs256: KeyRing) -> None:
        """Each option of a codec is one of a manager that is made of keys."""
        revocations = Revocations()
        manager = SessionManager(
            hs256,
            policy=Policy(idle_timeout=timedelta(minutes=1)),
            revocation=revocations,
            overflow=States(),
            padding=64,
        )
        session = request(manager)
        session.sign_in("ada")
        session["basket"] = "x" * 10_000
        token = token_in(response(manager, session))
        assert len(token) < 500
        found = request(manager, token)
        assert (found.ttl, len(found["basket"])) == (60, 10_000)
        found.clear()
        response(manager, found)
        assert request(manager, token).refused == "revoked"
        assert not manager.storeless
        assert SessionManager(hs256).storeless

    def test_a_typed_state(self, hs256: KeyRing) -> None:
        """A manager of keys takes the type of the state."""
        manager = SessionManager(hs256, state_type=Visit)
        session = request(manager)
        session.state.pages = 1
        assert request(manager, token_in(response(manager, session))).state == Visit(1)

    def test_a_type_whose_first_session_would_lack_fields(self, hs256: KeyRing) -> None:
        """The manager is refused where it is made, with the fields; a union with None is taken."""

        class User(msgspec.Struct):
            user_id: int
            name: str
            theme: str = "dark"

        with pytest.raises(
            ConfigError, match=r"\(User requires user_id, name\): give each field a default"
        ):
            SessionManager(hs256, state_type=User)
        either: Any = User | None
        assert request(SessionManager(hs256, state_type=either)).state is None

    @pytest.mark.parametrize(
        "more",
        [
            {"policy": POLICY},
            {"revocation": Revocations()},
            {"state_type": Visit},
            {"padding": 16, "observer": None, "policy": POLICY},
        ],
    )
    def test_a_codec_and_what_it_already_has(
        self, codec: SessionCodec[Any], more: dict[str, Any]
    ) -> None:
        """The two could contradict each other, so the error names what to give elsewhere."""
        making: Callable[..., object] = SessionManager
        names = ", ".join(name for name, value in more.items() if value is not None)
        with pytest.raises(ConfigError, match=f"pass {names} to SessionCodec"):
            making(codec, **more)

    def test_an_option_without_a_value(self, codec: SessionCodec[Any]) -> None:
        """None is no option, so it contradicts nothing."""
        making: Callable[..., SessionManager[Any]] = SessionManager
        assert making(codec, policy=None, revocation=None).codec is codec

    def test_an_unknown_option(self, hs256: KeyRing) -> None:
        """A misspelt name is a TypeError, as for any call in Python."""
        making: Callable[..., object] = SessionManager
        for make in (making, lambda keys, **options: manager_of(keys, options)):
            with pytest.raises(TypeError, match="polcy"):
                make(hs256, polcy=POLICY)

    @pytest.mark.parametrize(
        "cookie", [Cookie(name="__Host-admin"), Header(context="admin")], ids=repr
    )
    def test_one_cookie_in_the_place_of_another(
        self, hs256: KeyRing, cookie: Cookie | Header
    ) -> None:
        """A codec left at the context of the default cookie is refused for any other."""
        with pytest.raises(ConfigError, match=r"SessionCodec\(..., context='admin'\)"):
            SessionManager(SessionCodec(hs256), cookie=cookie)
        for context in ("admin", "tenant 7"):
            manager = SessionManager(SessionCodec(hs256, context=context), cookie=cookie)
            assert manager.open((), now=NOW).context == context

    @pytest.mark.parametrize(
        ("cookie", "context"), [(Cookie(), "header"), (Header(), "session")], ids=repr
    )
    def test_cookies_and_headers_share_no_codec(
        self, hs256: KeyRing, cookie: Cookie | Header, context: str
    ) -> None:
        """A codec with the default context of headers is refused for a cookie, and vice versa."""
        with pytest.raises(ConfigError, match=rf"SessionCodec\(..., context='{cookie.context}'\)"):
            SessionManager(SessionCodec(hs256, context=context), cookie=cookie)


class TestAdapter:
    def test_a_manager_is_taken_as_it_is(self, manager: SessionManager[Any]) -> None:
        """A manager has everything in it; an option that is None asks for nothing."""
        assert manager_of(manager, {}) is manager
        assert manager_of(manager, {"policy": None, "cookie": None}) is manager

    @pytest.mark.parametrize(
        ("options", "cookie_name"),
        [
            ({"policy": POLICY}, None),
            ({"revocation": Revocations()}, None),
            ({"cookie": Cookie()}, None),
            ({}, "__Host-other"),
        ],
    )
    def test_a_manager_and_what_it_already_has(
        self, manager: SessionManager[Any], options: Any, cookie_name: str | None
    ) -> None:
        """The two could contradict each other, so the error names what to give elsewhere."""
        name = next(iter(options), "cookie")
        with pytest.raises(ConfigError, match=f"pass {name} to SessionManager"):
            manager_of(manager, options, cookie_name=cookie_name)

    def test_made_of_keys(self, hs256: KeyRing) -> None:
        """The context is the cookie's name without prefix, the policy that of OWASP."""
        manager = manager_of(hs256, {}, cookie_name="__Secure-shop")
        session = request(manager)
        assert session.context == "shop"
        assert session.ttl == Policy.owasp().idle_timeout
        manager = manager_of(hs256, {"policy": Policy(idle_timeout=60)})
        assert request(manager).ttl == 60

    @pytest.mark.parametrize("key", ["", 0, None, True, b"session", ["session"]])
    def test_where_the_session_stands(self, hs256: KeyRing, key: Any) -> None:
        """The session's name in its request is text, or a key of aiohttp."""
        for make in (
            lambda: asgi.SessionMiddleware(_app, hs256, scope_key=key),
            lambda: wsgi.SessionMiddleware(_app, hs256, environ_key=key),
            lambda: tornado.setup(Application([]), hs256, key=key),
            lambda: aiohttp.setup(web.Application(), hs256, key=key),
        ):
            with pytest.raises(ConfigError, match=r"key must be (text|a RequestKey)"):
                make()

    @pytest.mark.parametrize(
        ("cookie", "taken"),
        [
            (Cookie(), True), (Cookie(name="__Secure-session"), True),
            (Cookie(same_site="Strict"), True),
            (Header(context="session"), False), (Cookie(name="__Host-admin"), False),
        ],
        ids=lambda value: getattr(value, "name", value),
    )  # fmt: skip
    def test_a_second_session_of_an_application(
        self, hs256: KeyRing, cookie: Any, *, taken: bool
    ) -> None:
        """It does not take the place of the first: the cookie's name or context is another."""
        handlers, app = Application([]), web.Application()
        tornado.setup(handlers, hs256)
        aiohttp.setup(app, hs256)
        key = web.RequestKey("second", AiohttpSession)
        both: list[Callable[[], None]] = [
            lambda: tornado.setup(handlers, hs256, key="second", cookie=cookie),
            lambda: aiohttp.setup(app, hs256, key=key, cookie=cookie),
        ]
        for second in both:
            refused = pytest.raises(ConfigError, match="already has a session in a cookie")
            with refused if taken else nullcontext():
                second()

    def test_two_names_for_one_cookie(self, hs256: KeyRing) -> None:
        """The short form and the long one together are refused."""
        with pytest.raises(ConfigError, match="not both"):
            manager_of(hs256, {"cookie": Cookie()}, cookie_name="__Host-session")
