"""What Flask's users, templates and extensions find in the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flask
import msgspec
import pytest
from flask import Flask, flash, get_flashed_messages, render_template_string, session
from markupsafe import Markup

from tokensession import ConfigError, Cookie, Header, KeyRing, StateError
from tokensession.adapters.flask import SessionInterface
from tokensession.overflow.overflow import Overflow
from tokensession.stores.memory.overflow import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

BASE = "https://localhost"
FLASHED = "{% for text in get_flashed_messages() %}[{{ text }}]{% endfor %}"


class Lazy:
    """A translation that is looked up when it is shown."""

    def __str__(self) -> str:
        return "Bitte <anmelden>"


class LazyMarkup(Lazy):
    """A translation that is marked up."""

    def __html__(self) -> str:
        return "<b>Bitte</b>"


def serve(view: Callable[[], Any], **options: Any) -> Flask:
    """Return an application with a page, and one that shows what was flashed."""
    app = Flask("shop")
    app.session_interface = SessionInterface(KeyRing.generate(), **options)
    app.add_url_rule("/", "home", view)
    app.add_url_rule("/flashed", "flashed", lambda: render_template_string(FLASHED))
    return app


class TestFlashes:
    """Messages keep their markup, and lazy texts are looked up when they are written."""

    @pytest.mark.parametrize(
        ("message", "shown"),
        [
            ("<i>", "[&lt;i&gt;]"),
            (Markup("<b>new</b>"), "[<b>new</b>]"),
            (Lazy(), "[Bitte &lt;anmelden&gt;]"),
            (LazyMarkup(), "[<b>Bitte</b>]"),
            ({"title": "x"}, "[{&#39;title&#39;: &#39;x&#39;}]"),
            (7, "[7]"),
            ({" m": "<i>"}, "[{&#39; m&#39;: &#39;&lt;i&gt;&#39;}]"),  # as markup is kept
            (ValueError("no"), "[no]"),
        ],
    )
    @pytest.mark.parametrize("overflows", [False, True])
    def test_a_message_on_the_next_page(
        self,
        message: Any,
        shown: str,
        overflows: bool,  # noqa: FBT001
    ) -> None:
        """It is shown as it would have been on this one, and once."""

        def home() -> str:
            flash(message)
            session["text"] = "x" * 4000 * overflows
            return "x"

        client = serve(home, overflow=Overflow(MemoryStore())).test_client()
        assert client.get("/", base_url=BASE).status_code == 200
        assert client.get("/flashed", base_url=BASE).text == shown
        assert client.get("/flashed", base_url=BASE).text == ""

    def test_messages_that_wait_keep_their_markup(self) -> None:
        """A further message is added to those that were read from the cookie."""

        def home() -> str:
            flash(Markup("<b>"), "info")
            return "x"

        client = serve(home).test_client()
        with client:
            for _ in range(3):
                client.get("/", base_url=BASE)
            assert get_flashed_messages(with_categories=True) == [("info", Markup("<b>"))] * 3

    def test_a_message_that_is_only_looked_at_sets_no_cookie(self) -> None:
        """Reading a message changes no state, in each form in which Flask keeps messages."""

        def home() -> dict[str, Any]:
            if "_flashes" not in session:
                flash(Markup("<b>"))
            return {"text": session["_flashes"][0][1], "modified": session.modified}

        client = serve(home).test_client()
        client.get("/", base_url=BASE)
        answer = client.get("/", base_url=BASE)
        assert answer.json == {"text": "<b>", "modified": False}
        assert "Set-Cookie" not in answer.headers

    def test_the_session_can_be_checked_before(self) -> None:
        """A message of a lazy text does not fail the check, and another wrong value does."""

        def home() -> str:
            flash(Lazy())  # type: ignore[arg-type]  # as translations are
            session.check()  # type: ignore[attr-defined]
            session["wrong"] = Lazy()
            with pytest.raises(StateError, match=r"^state\.wrong: msgpack has no Lazy"):
                session.check()  # type: ignore[attr-defined]
            return str(type(session.pop("wrong")).__name__)

        assert serve(home).test_client().get("/", base_url=BASE).text == "Lazy"


class TestTemplates:
    """The application's keys come first; the session's own names are found where there are none."""

    KEYS = (
        "state", "subject", "context", "headers", "now", "ttl", "cap", "check", "open", "sid",
        "modified", "user",
    )  # fmt: skip

    def test_keys_come_first(self) -> None:
        """Keys come before attributes, also in imported templates."""

        def home() -> dict[str, str]:
            session.update({key: f"mine: {key}" for key in self.KEYS})
            app.jinja_loader = None
            macro = app.jinja_env.from_string("{% macro m() %}{{ session.state }}{% endmacro %}")
            shown = {k: render_template_string("{{ session.%s }}" % k) for k in self.KEYS}  # noqa: UP031
            return {**shown, "macro": macro.module.m()}  # type: ignore[attr-defined]

        app = serve(home)
        shown = app.test_client().get("/", base_url=BASE).json
        wanted = {key: f"mine: {key}" for key in self.KEYS}
        assert shown == {**wanted, "macro": "mine: state"}

    def test_the_session_itself(self) -> None:
        """It is a mapping, and shows neither state nor subject."""
        text = (
            "{{ session.subject }} {{ session['n'] }} {{ session.get('x', 7) }} "
            "{{ session|length }} "
            "{% for key in session %}{{ key }}{% endfor %} {{ 'n' in session }} "
            "{{ session.nothing is defined }} {{ session }}"
        )

        def home() -> str:
            session["n"] = "secret"
            return render_template_string(text)

        shown = serve(home).test_client().get("/", base_url=BASE).text
        assert shown.startswith("None secret 7 1 n True False ")
        assert "secret" not in shown.partition("False")[2]

    def test_a_template_that_does_not_ask_opens_nothing(self) -> None:
        """Its page does not depend on the session."""
        answer = serve(lambda: render_template_string("x")).test_client().get("/", base_url=BASE)
        assert "Vary" not in answer.headers

    def test_a_typed_state(self) -> None:
        """It has no keys, so attributes are the session's."""

        class Cart(msgspec.Struct):
            n: int = 3

        def home() -> str:
            return render_template_string("{{ 'yes' if session }} {{ session.state.n }}")

        app = serve(home, state_type=Cart)
        assert app.test_client().get("/", base_url=BASE).text == "yes 3"

    def test_outside_of_a_request(self) -> None:
        """A template finds no session there, as with Flask's own."""
        app = serve(lambda: "x")
        app.test_client().get("/", base_url=BASE)
        with app.app_context():
            assert render_template_string("{{ 'yes' if session else 'no' }}") == "no"


class TestGetters:
    """What Flask's public getters tell is what is set."""

    @pytest.mark.parametrize(
        "config",
        [
            {}, {"SESSION_COOKIE_NAME": "shop"}, {"SESSION_COOKIE_SAMESITE": "Strict"},
            {"SESSION_COOKIE_DOMAIN": "localhost.example"}, {"SESSION_COOKIE_PATH": "/shop"},
            {"SESSION_COOKIE_PARTITIONED": True},
        ],
    )  # fmt: skip
    def test_each_attribute(self, config: dict[str, Any]) -> None:
        """Each attribute of the cookie is that of the settings, or a safer default."""

        def home() -> str:
            session["n"] = 1
            return "x"

        app = serve(home)
        app.config.update(config)
        line = app.test_client().get("/", base_url=BASE).headers["Set-Cookie"]
        name, *attributes = line.split("; ")
        given = {key: value for key, _, value in (part.partition("=") for part in attributes)}
        ours = app.session_interface
        assert ours.get_cookie_name(app) == name.partition("=")[0]
        assert ours.get_cookie_path(app) == given["Path"]
        assert ours.get_cookie_domain(app) == given.get("Domain")
        assert ours.get_cookie_samesite(app) == given["SameSite"]
        assert ours.get_cookie_secure(app) is ("Secure" in given)
        assert ours.get_cookie_httponly(app) is ("HttpOnly" in given)
        assert ours.get_cookie_partitioned(app) is ("Partitioned" in given)

    def test_development(self) -> None:
        """Without Secure that is told too."""
        cookie = Cookie(name="session", http_development=True)
        app = serve(lambda: "x", cookie=cookie)
        assert app.session_interface.get_cookie_secure(app) is False

    def test_a_header(self) -> None:
        """There is no cookie to tell of."""
        app = serve(lambda: "x", cookie=Header())
        with pytest.raises(ConfigError, match="uses a Header"):
            app.session_interface.get_cookie_name(app)

    def test_overrides_are_refused(self) -> None:
        """A getter of a subclass would have no effect on the cookie; other methods have."""
        with pytest.raises(ConfigError, match="overrides get_cookie_domain, should_set_cookie"):
            type(
                "OfTenants", (SessionInterface,),
                {"get_cookie_domain": lambda *_: "a.example", "should_set_cookie": lambda *_: 0},
            )  # fmt: skip
        type("Quiet", (SessionInterface,), {"save_session": lambda *_: None})


def test_modified_tells_whether_something_changed() -> None:
    """Nested changes count, reading does not, and an application can set it."""

    def home() -> dict[str, Any]:
        told = [
            session.modified,
            flask.current_app.session_interface.should_set_cookie(app, session),
        ]
        session.setdefault("cart", [])
        told.append(session.modified)
        return {"told": told}

    def look() -> dict[str, Any]:
        told = [len(session["cart"]), session.modified]
        session["cart"].append(1)
        told.append(session.modified)
        session["cart"].pop()
        session.modified = True
        return {"told": [*told, session.modified, session.accessed]}

    app = serve(home)
    app.add_url_rule("/look", "look", look)
    client = app.test_client()
    assert client.get("/", base_url=BASE).json == {"told": [False, False, True]}
    answer = client.get("/look", base_url=BASE)
    assert answer.json == {"told": [0, False, True, True, True]}
    assert "Set-Cookie" not in answer.headers


def test_the_session_after_the_response() -> None:
    """A test looks at it within the client's block, and takes messages out."""

    def home() -> str:
        flash("saved")
        session["n"] = 1
        return "x"

    with serve(home).test_client() as client:
        client.get("/", base_url=BASE)
        assert get_flashed_messages() == ["saved"]
        assert session.pop("n") == 1


def test_the_key_of_a_permanent_session_gives_it_its_lifetime() -> None:
    """Flask's own key does what `permanent` does, for interfaces and packages that set it."""

    def view() -> dict[str, Any]:
        permanent: Any = session
        permanent.setdefault("_permanent", True)
        lived = permanent.ttl
        permanent["_permanent"] = False
        return {"lived": lived, "lives": permanent.ttl}

    app = serve(view)
    app.config["PERMANENT_SESSION_LIFETIME"] = 7 * 86400
    answer = app.test_client().get("/", base_url=BASE)
    assert answer.json == {"lived": 7 * 86400, "lives": 1800}


def test_a_form_in_the_session() -> None:
    """A form is written as Flask writes it, but not if values would be lost."""

    def view() -> Any:
        if flask.request.method == "POST":
            session["form"] = flask.request.form
            session["all"] = flask.request.values
        return dict(session)

    client = serve(view).test_client()
    client.application.add_url_rule("/post", "post", view, methods=["POST"])
    client.post("/post", base_url=BASE, data={"name": "Ada", "note": ""})
    form = {"name": "Ada", "note": ""}
    assert client.get("/", base_url=BASE).json == {"form": form, "all": form}
    client.application.testing = True
    with pytest.raises(StateError, match="form"):
        client.post("/post", base_url=BASE, data={"size": ["s", "m"]})
