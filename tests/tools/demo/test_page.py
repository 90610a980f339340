"""The page that ``tokensession demo`` serves: over real HTTP, and in a real browser."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect

from tests.adapters.servers import PATIENCE
from tests.browser.chromium import complaints_of, launch
from tests.conftest import NOW
from tokensession import KeyRing, Policy, Session, decode, encode
from tokensession.tools.cli import main
from tokensession.tools.demo import server
from tokensession.tools.demo.changes import PREPARED, change_character, other_character
from tokensession.tools.demo.markup import Html, fill, join
from tokensession.tools.demo.server import server_of, temporary_bench
from tokensession.tools.demo.trial import STEPS, Trial, present
from tokensession.tools.dissect import dissect
from tokensession.tools.explanation import EXPLANATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from playwright.sync_api import Page

    from tokensession.tools.demo.bench import Bench

COOKIE = "__Host-session"
ANOTHER = "__Host-another"
POSTS = (
    "/sign-in", "/cart", "/theme", "/sign-out", "/token", "/rotate", "/revoke-key",
    "/revoke-others", "/end-session", "/other-browser",
)  # fmt: skip
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onfocus='alert(1)",
    "$csrf ${name} $$ %(x)s {0}",
    "&lt;b&gt;&amp;",
    "\u202eeinalp\u2066",
    "Zoë 日本 \x00\x1b[31m",
    "</title></textarea><!--",
)
EXPECTED = {
    "header": (2, "unknown_key"),
    "payload": (4, "bad_signature"),
    "signature": (4, "bad_signature"),
    "cut": (3, "malformed"),
    "dot": (1, "malformed"),
    "context": (4, "bad_signature"),
    "expired": (8, "expired"),
    "early": (8, "not_yet_valid"),
    "revoked-key": (2, "unknown_key"),
    "revoked": (9, "revoked"),
    "type": (10, "bad_state"),
    "version": (5, "unsupported_version"),
    "ciphertext": (6, "decrypt_failed"),
    "claims": (7, "bad_claims"),
}


class Served:
    """The application on a socket, and the bench that it works with."""

    def __init__(self, url: str, bench: Bench) -> None:
        self.url = url
        self.bench = bench


@contextmanager
def serving() -> Iterator[Served]:
    """Serve the page from a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener, temporary_bench() as bench:
        running = server_of(bench)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}", bench)
        finally:
            running.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """Serve a page whose keys stay as they are."""
    with serving() as site:
        yield site


class Visitor:
    """Keeps cookies as a browser does, which takes 127.0.0.1 to be as good as https."""

    def __init__(self, served: Served) -> None:
        self.bench = served.bench
        self.cookie: str | None = None
        self.another: str | None = None  # the cookie that this browser keeps for another one
        self.http = httpx.Client(base_url=served.url, timeout=PATIENCE)

    @property
    def session(self) -> Session[Any]:
        """What the cookie holds."""
        assert self.cookie is not None
        return decode(self.cookie, self.bench.keys)

    def get(self, path: str = "/", **query: str | int) -> httpx.Response:
        """Get a page."""
        return self._take(self.http.get(path, params=query, headers=self._headers()))

    def post(self, path: str, **fields: str) -> httpx.Response:
        """Send a form as it is given."""
        return self._take(self.http.post(path, data=fields, headers=self._headers()))

    def send(self, path: str, **fields: str) -> httpx.Response:
        """Send a form of the page, with the token that stands in it."""
        page = self.get().text
        found = re.search(r'name="csrf" value="([^"]+)"', page)
        assert found is not None
        answer = self.post(path, csrf=found[1], **fields)
        assert answer.status_code == 303, answer.text
        return answer

    def _headers(self) -> dict[str, str]:
        cookies = {COOKIE: self.cookie, ANOTHER: self.another}
        pairs = [f"{name}={token}" for name, token in cookies.items() if token is not None]
        return {"cookie": "; ".join(pairs)} if pairs else {}

    def _take(self, answer: httpx.Response) -> httpx.Response:
        for value in answer.headers.get_list("set-cookie"):
            name, _, token = value.split(";")[0].partition("=")
            if name == ANOTHER:
                self.another = token or None
            else:
                self.cookie = token or None
        return answer


@pytest.fixture
def visitor(served: Served) -> Iterator[Visitor]:
    """Give a visitor who has not been here."""
    visitor = Visitor(served)
    yield visitor
    visitor.http.close()


def text_of(page: str) -> str:
    """Return what a page says, less its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def steps_of(page: str) -> list[tuple[str, str]]:
    """Return kind and verdict of each step that a page lists."""
    pattern = r'<li class="(passed|failed|unreached)"[^>]*><span class="verdict">([^<]+)<'
    return re.findall(pattern, page)


class TestSession:
    def test_the_first_visit_begins_a_session(self, visitor: Visitor) -> None:
        """It carries no cookie, says so, and is given the default one."""
        answer = visitor.get()
        (cookie,) = answer.headers.get_list("set-cookie")
        for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=1800"):
            assert f"; {attribute}" in cookie
        assert "This request carried none." in answer.text
        assert visitor.session.subject is None

    def test_a_visit_that_changes_nothing_sets_nothing(self, visitor: Visitor) -> None:
        """It varies by the cookie, and is not stored."""
        visitor.get()
        answer = visitor.get()
        assert "set-cookie" not in answer.headers
        assert answer.headers["vary"] == "Cookie"
        assert answer.headers["cache-control"] == "no-store"

    def test_signing_in(self, visitor: Visitor) -> None:
        """The session id and the token of the forms are new; the state comes along."""
        visitor.send("/cart", sku="ESPRESSO-1KG")
        before = visitor.session
        visitor.send("/sign-in", name="  Zoë  ")
        after = visitor.session
        assert after.subject == "Zoë"
        assert after.sid != before.sid
        assert after.state["csrf"] != before.state["csrf"]
        assert after.state["cart"] == {"ESPRESSO-1KG": 1}
        assert "<h1>Hello, <bdi>Zoë</bdi></h1>" in visitor.get().text

    def test_another_name_begins_with_nothing(self, visitor: Visitor) -> None:
        """One subject's state is not the next one's."""
        visitor.send("/sign-in", name="Ann")
        visitor.send("/cart", sku="FILTERS-100")
        visitor.send("/sign-in", name="Bob")
        assert set(visitor.session.state) == {"csrf"}

    @pytest.mark.parametrize("name", ["", " ", "x" * 65])
    def test_names_have_a_length(self, visitor: Visitor, name: str) -> None:
        """None and too much of one are refused in words."""
        visitor.get()
        answer = visitor.post("/sign-in", csrf=visitor.session.state["csrf"], name=name)
        assert answer.status_code == 400
        assert "1 to 64 characters" in answer.text

    def test_the_cart(self, visitor: Visitor) -> None:
        """Products add up, to nine of each, until it is emptied."""
        for _ in range(11):
            visitor.send("/cart", sku="ESPRESSO-1KG")
        visitor.send("/cart", sku="HAND-GRINDER")
        assert visitor.session.state["cart"] == {"ESPRESSO-1KG": 9, "HAND-GRINDER": 1}
        assert "<li>9 &times; Espresso, 1 kg</li>" in visitor.get().text
        visitor.send("/cart", sku="")
        assert "cart" not in visitor.session.state
        assert "It is empty." in visitor.get().text

    def test_the_theme(self, visitor: Visitor) -> None:
        """It is the page's, and its button says that it is pressed."""
        visitor.send("/theme", theme="dark")
        page = visitor.get().text
        assert '<html lang="en" data-theme="dark">' in page
        assert 'value="dark" aria-pressed="true"' in page
        assert page.count('aria-pressed="true"') == 1

    @pytest.mark.parametrize("field", ["sku", "theme"])
    def test_unknown_choices(self, visitor: Visitor, field: str) -> None:
        """What the page does not offer is refused."""
        visitor.get()
        path = {"sku": "/cart", "theme": "/theme"}[field]
        fields = {"csrf": visitor.session.state["csrf"], field: "<b>"}
        answer = visitor.post(path, **fields)
        assert answer.status_code == 400
        assert "There is no such" in answer.text

    def test_signing_out(self, visitor: Visitor) -> None:
        """The cookie is deleted, and the page after it begins no new session."""
        visitor.send("/sign-in", name="Ann")
        answer = visitor.send("/sign-out")
        assert answer.headers["location"] == "/signed-out"
        (cookie,) = answer.headers.get_list("set-cookie")
        assert cookie.startswith(f"{COOKIE}=; Max-Age=0; ")
        farewell = visitor.get("/signed-out")
        assert "The cookie is deleted." in farewell.text
        assert "set-cookie" not in farewell.headers
        visitor.get()
        assert "carries a session cookie again" in visitor.get("/signed-out").text


class TestForms:
    @pytest.mark.parametrize("path", POSTS)
    @pytest.mark.parametrize("csrf", [None, "", "wrong", "é", "\ud7ff"])
    def test_no_form_without_its_token(self, visitor: Visitor, path: str, csrf: str | None) -> None:
        """Nothing changes by a form that does not repeat the session's token."""
        visitor.get()
        before = visitor.cookie
        fields = {} if csrf is None else {"csrf": csrf}
        answer = visitor.post(path, name="Mallory", sku="FILTERS-100", theme="dark", **fields)
        assert answer.status_code == 403
        assert "does not carry the token" in text_of(answer.text)
        assert visitor.cookie == before

    @pytest.mark.parametrize("path", POSTS)
    def test_a_token_of_another_session(self, served: Served, visitor: Visitor, path: str) -> None:
        """It is worth nothing here."""
        visitor.get()
        other = Visitor(served)
        other.get()
        other.http.close()
        assert visitor.post(path, csrf=other.session.state["csrf"]).status_code == 403

    def test_a_form_after_signing_out_elsewhere(self, visitor: Visitor) -> None:
        """A second tab is told what may have happened."""
        visitor.get()
        csrf = visitor.session.state["csrf"]
        visitor.send("/sign-out")
        answer = visitor.post("/cart", csrf=csrf, sku="FILTERS-100")
        assert answer.status_code == 403
        assert "signed out in another tab" in answer.text
        assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize("path", POSTS)
    def test_links_change_nothing(self, visitor: Visitor, path: str) -> None:
        """What changes a session is no GET."""
        assert visitor.get(path).status_code == 405

    def test_a_form_has_a_size(self, visitor: Visitor) -> None:
        """A larger body is refused before it is parsed."""
        visitor.get()
        assert visitor.post("/sign-in", name="x" * 5000).status_code == 413


class TestAnatomy:
    def test_the_cookie_is_shown_whole(self, visitor: Visitor) -> None:
        """Its coloured parts, with the dots, are the token; its size is that of name and value."""
        visitor.get()
        page = visitor.get().text
        token = visitor.cookie
        assert token is not None
        (shown,) = re.findall(r'id="token"[^>]*>(.+?)</p>', page)
        assert text_of(shown).replace(" ", "") == f"{COOKIE}={token}"
        assert f"<strong>{len(COOKIE) + len(token)} of 4096 bytes</strong>" in page

    def test_each_part_is_explained(self, visitor: Visitor) -> None:
        """With its characters, and what it is for."""
        visitor.get()
        page = visitor.get().text
        assert visitor.cookie is not None
        for part in dissect(visitor.cookie).parts:
            assert f'class="part part-{part.name}"' in page
            assert f"characters {part.start} to {part.end - 1}" in page

    def test_what_the_key_reveals(self, visitor: Visitor) -> None:
        """Subject, session id, state and dates."""
        visitor.send("/sign-in", name="Ann")
        page = visitor.get().text
        session = visitor.session
        assert session.sid.hex() in page
        assert escape('{"csrf": "') in page
        for second in (session.started_at, session.expires_at, session.started_at + 8 * 3600):
            assert f'data-second="{second}"' in page

    def test_the_ring(self, visitor: Visitor) -> None:
        """Its keys with their states, and no secret of theirs."""
        page = visitor.get().text
        (key,) = visitor.bench.keys.ring
        assert f"<code>{key.kid}</code>" in page
        assert '<span class="state">active</span>' in page
        (jwk,) = visitor.bench.keys.ring.to_jwks(private=True)["keys"]
        assert jwk["k"] not in page


class TestExperiment:
    def test_every_prepared_change_is_expected(self) -> None:
        """The table of this module names all of them."""
        assert set(EXPECTED) == set(PREPARED)

    @pytest.mark.parametrize("name", EXPECTED)
    def test_prepared_changes(self, visitor: Visitor, name: str) -> None:
        """Each is refused by its step, with its code and sentence; later steps are not reached."""
        visitor.send("/sign-in", name="Ann")
        page = visitor.get(change=name).text
        step, code = EXPECTED[name]
        assert f"Step {step} refuses it: {code}" in text_of(page)
        assert escape(EXPLANATIONS[code]) in page
        steps = steps_of(page)
        assert len(steps) == 10
        assert steps[step - 1] == ("failed", "refused")
        assert [kind for kind, _ in steps].count("failed") == 1
        assert all(word == "passed" for _, word in steps[: step - 1])
        assert all(word == "not reached" for _, word in steps[step:])
        assert f'value="{name}" aria-current="true"' in page
        assert visitor.get().status_code == 200
        assert visitor.session.subject == "Ann"  # only a copy was changed

    @pytest.mark.parametrize("algorithm", ["HS256", "Ed25519", "ES256"])
    @pytest.mark.parametrize("name", EXPECTED)
    def test_prepared_changes_of_each_algorithm(self, name: str, algorithm: str) -> None:
        """The steps are the same, but that only HS256 keys are derived from the context."""
        keys = KeyRing.generate(algorithm)
        token = encode({"a": 1}, keys, subject="x", now=NOW)
        trial = Trial(token=token, keys=keys, policy=Policy.owasp(), now=NOW)
        outcome = present(PREPARED[name].make(trial))
        expected = EXPECTED[name]
        if name == "context" and algorithm != "HS256":
            expected = (6, "decrypt_failed")
        assert (outcome.step, outcome.code) == expected

    def test_any_other_character_anywhere_is_refused(self, hs256: KeyRing) -> None:
        """There is no position at which a change goes unnoticed."""
        token = encode({"a": 1}, hs256, now=NOW)
        trial = Trial(token=token, keys=hs256, policy=Policy.owasp(), now=NOW)
        assert present(trial).step is None
        for at in range(len(token)):
            changed = change_character(trial, at, other_character(token[at]))
            assert present(changed).step in (1, 2, 3, 4)

    @pytest.mark.parametrize(
        ("at", "to", "step", "code"),
        [(0, "", 2, "unknown_key"), (44, "", 4, "bad_signature"), (60, ".", 1, "malformed"),
         (60, "é", 1, "malformed"), (60, "=", 3, "malformed"), (60, "<", 3, "malformed")],
    )  # fmt: skip
    def test_one_character(self, visitor: Visitor, at: int, to: str, step: int, code: str) -> None:
        """A position and a character of one's own."""
        visitor.get()
        page = visitor.get(at=at, to=to).text
        assert f"Step {step} refuses it: {code}" in text_of(page)
        assert visitor.cookie is not None
        assert f'max="{len(visitor.cookie) - 1}" value="{at}"' in page

    def test_the_same_character(self, visitor: Visitor) -> None:
        """A change that changes nothing is read."""
        visitor.get()
        page = visitor.get(at=0, to="e").text
        assert "It is read" in page
        assert [word for _, word in steps_of(page)] == ["passed"] * 10

    @pytest.mark.parametrize(
        "query",
        [{"change": "<script>"}, {"at": "-1"}, {"at": "99999"}, {"at": "1" * 5000}, {"at": "٣"},
         {"at": "<b>"}, {"at": ""}, {"to": '"><script>'}],
    )  # fmt: skip
    def test_nonsense_is_no_experiment(self, visitor: Visitor, query: dict[str, str]) -> None:
        """The page comes as without it, and repeats none of it unescaped."""
        visitor.get()
        answer = visitor.get(**query)
        assert answer.status_code == 200
        assert 'id="result"' not in answer.text
        assert "<script>" not in answer.text
        assert "<b>" not in answer.text

    def test_the_steps_are_those_of_the_specification(self) -> None:
        """Each code stands in the row of its step."""
        spec = (Path(__file__).parents[3] / "SPEC.md").read_text()
        section = spec.split("## 5.")[1].split("## 6.")[0]
        rows = dict(re.findall(r"^\| (\d+) \|(.+)$", section, re.MULTILINE))
        assert len(rows) == len(STEPS)
        for step, code in EXPECTED.values():
            assert f"`{code}`" in rows[str(step)]

    def test_every_code_has_a_step(self) -> None:
        """Each code of the list has its step, also those that no change here brings about."""
        from tokensession.tools.demo import trial  # noqa: PLC0415  # a private table

        assert set(trial._STEP_OF) | {"malformed"} == set(EXPLANATIONS)


class TestHostileInput:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_names_are_escaped(self, visitor: Visitor, name: str) -> None:
        """A name is text at each place of the page."""
        visitor.send("/sign-in", name=name)
        page = visitor.get().text
        subject = str(visitor.session.subject)
        assert f"<h1>Hello, <bdi>{escape(subject)}</bdi></h1>" in page
        if escape(subject) != subject:
            assert subject not in page

    @pytest.mark.parametrize(
        "cookie", ["<script>alert(1)</script>", '"><b>', "a.b.c", "..", "é", "x" * 20000, "$csrf"]
    )
    def test_cookies_that_are_none(self, visitor: Visitor, cookie: str) -> None:
        """The page says which check refused it, shows it as text, and begins a new session."""
        headers = [(b"cookie", f"{COOKIE}={cookie}".encode())]
        answer = visitor.http.get("/", headers=headers)
        assert answer.status_code == 200
        assert "was refused" in answer.text
        assert '<li class="failed" aria-current="step">' in answer.text
        assert "<b>" not in answer.text
        assert "<script>" not in answer.text
        assert len(answer.headers.get_list("set-cookie")) == 1

    def test_a_cookie_of_an_earlier_run(self, visitor: Visitor) -> None:
        """Its keys are gone, and the page says so."""
        visitor.cookie = encode({}, KeyRing.generate())
        page = visitor.get().text
        assert "<code>unknown_key</code>" in page
        assert "an earlier run" in page

    def test_two_cookies_of_the_name(self, visitor: Visitor) -> None:
        """None can be told to be ours."""
        visitor.get()
        headers = {"cookie": f"{COOKIE}={visitor.cookie}; {COOKIE}={visitor.cookie}"}
        page = visitor.http.get("/", headers=headers).text
        assert "2 cookies" in page
        assert "<code>malformed</code>" in page

    def test_another_host(self, visitor: Visitor) -> None:
        """A foreign name that points at this machine is refused."""
        answer = visitor.http.get("/", headers={"host": "attacker.example"})
        assert answer.status_code == 400
        assert "set-cookie" not in answer.headers

    def test_templates_escape_all_but_html(self) -> None:
        """What is no HTML becomes text, once; values are no templates."""
        assert fill("<p>$a $b</p>", a="<&$b>", b=Html("<i>$a</i>")) == (
            "<p>&lt;&amp;$b&gt; <i>$a</i></p>"
        )
        assert join([fill("<b>$n</b>", n=1), Html("")], between="<") == "<b>1</b>&lt;"


class TestHeaders:
    @pytest.mark.parametrize(
        ("path", "kind"),
        [("/", "text/html"), ("/signed-out", "text/html"), ("/style.css", "text/css"),
         ("/page.js", "text/javascript"), ("/icon.svg", "image/svg+xml"), ("/none", "text/html")],
    )  # fmt: skip
    def test_every_response(self, visitor: Visitor, path: str, kind: str) -> None:
        """Nothing from elsewhere, nothing inline, no frames, no guessed types."""
        answer = visitor.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"].startswith(kind)
        assert "server" not in answer.headers
        assert answer.status_code == (404 if path == "/none" else 200)

    def test_nothing_inline_and_nothing_from_elsewhere(self) -> None:
        """The page keeps to its own policy."""
        with serving() as site:  # where no other visitor has given a hostile name
            visitor = Visitor(site)
            visitor.send("/sign-in", name="Ann")
            page = visitor.get(change="payload").text
            visitor.http.close()
        assert re.findall(r"<script[^>]*>", page) == ['<script src="/page.js" defer>']
        assert not re.search(r"<style| style=| on[a-z]+=|javascript:|https?://", page)

    def test_static_files_vary_by_nothing(self, visitor: Visitor) -> None:
        """They never touch the session."""
        answer = visitor.get("/style.css")
        assert "vary" not in answer.headers
        assert "set-cookie" not in answer.headers


class TestCommand:
    @staticmethod
    def start(*arguments: str) -> subprocess.Popen[str]:
        """Start the program on any free port."""
        command = [sys.executable, "-m", "tokensession", "demo", "--port", "0", *arguments]
        return subprocess.Popen(  # noqa: S603
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_from_start_to_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
    ) -> None:
        """It prints its address, serves, logs no requests, and leaves nothing behind."""
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        with self.start() as process:
            assert process.stdout is not None
            assert process.stderr is not None
            found = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
            assert found is not None
            assert httpx.get(found[0], timeout=PATIENCE).status_code == 200
            assert len(list(tmp_path.iterdir())) == 1
            process.send_signal(number)
            assert process.wait(timeout=PATIENCE) == 0
            assert process.stdout.read().strip() == ""
            assert process.stderr.read() == ""
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("end", [None, KeyboardInterrupt])
    def test_the_exit_code_of_a_server_that_was_ended(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        end: type[BaseException] | None,
    ) -> None:
        """Ending it is no failure, and SIGTERM means afterwards what it meant before."""

        class Ended:
            """A server that is ended as soon as it runs."""

            def run(self, *, sockets: list[socket.socket]) -> None:
                """End."""
                assert len(sockets) == 1
                assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
                if end is not None:
                    raise end

        before = signal.getsignal(signal.SIGTERM)
        monkeypatch.setattr(server, "server_of", lambda _: Ended())
        assert main(["demo", "--port", "0"]) == 0
        assert signal.getsignal(signal.SIGTERM) is before
        assert capsys.readouterr().out.startswith("tokensession demo: http://127.0.0.1:")

    def test_a_port_that_is_taken(self, served: Served, capsys: pytest.CaptureFixture[str]) -> None:
        """One line says what to do."""
        port = served.url.rpartition(":")[2]
        assert main(["demo", "--port", port]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert f"port {port} of 127.0.0.1 is taken" in error
        assert "--port" in error

    @pytest.mark.parametrize(("error", "words"), [(13, "privileges"), (99, "Cannot assign")])
    def test_a_port_that_is_not_to_be_had(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        error: int,
        words: str,
    ) -> None:
        """A message of the system is one line."""

        def refuse(*_: object, **__: object) -> socket.socket:
            raise OSError(error, "Cannot assign requested address")

        monkeypatch.setattr(socket, "create_server", refuse)
        assert main(["demo"]) == 2
        assert words in capsys.readouterr().err

    @pytest.mark.parametrize("port", ["-1", "65536", "http", "", "٣"])
    def test_what_is_no_port(self, capsys: pytest.CaptureFixture[str], port: str) -> None:
        """The range is named."""
        assert main(["demo", "--port", port]) == 2
        assert "0 to 65535" in capsys.readouterr().err

    @pytest.mark.parametrize("package", ["starlette", "uvicorn"])
    def test_without_the_extra(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], package: str
    ) -> None:
        """One line names the extra."""
        for name in ("server", "app"):
            monkeypatch.delitem(sys.modules, f"tokensession.tools.demo.{name}", raising=False)
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, package, None)
        assert main(["demo"]) == 2
        error = capsys.readouterr().err
        assert f"needs {package}: run pip install '.[demo]' in a clone" in error
        assert error.count("\n") == 1

    def test_another_missing_module_is_no_missing_extra(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A broken installation is reported as a fault, and not explained away."""
        monkeypatch.setitem(sys.modules, "tokensession.tools.demo.server", None)
        assert main(["demo"]) == 70
        error = capsys.readouterr().err
        assert "ModuleNotFoundError" in error
        assert "pip install" not in error

    def test_the_other_commands_need_no_extra(self) -> None:
        """The command line alone loads neither server nor framework."""
        code = (
            "import sys, tokensession.tools.cli; print({'starlette', 'uvicorn'} & {*sys.modules})"
        )
        process = subprocess.run(  # noqa: S603
            [sys.executable, "-c", code], capture_output=True, check=True
        )
        assert process.stdout.strip() == b"set()"


@pytest.fixture
def tab(slow: None, served: Served) -> Iterator[Page]:
    """Give a page of Debian's Chromium; at its end nothing must have been complained about."""
    with launch() as browser:
        page = browser.new_page(viewport={"width": 360, "height": 780}, base_url=served.url)
        complaints = complaints_of(page)
        yield page
    assert complaints == []


def press_until(tab: Page, name: str) -> None:
    """Press Tab until the control with this accessible text has the focus."""
    for _ in range(80):
        tab.keyboard.press("Tab")
        text = tab.evaluate(
            "e => [document.activeElement.labels?.[0]?.textContent, "
            "document.activeElement.textContent].filter(Boolean).join(' ')"
        )
        if name in text:
            return
    pytest.fail(f"{name!r} is not to be reached by Tab")


def test_in_chromium_by_keyboard(tab: Page) -> None:
    """Sign in, see the anatomy, change one character, see the step that refuses it, sign out."""
    tab.goto("/")
    press_until(tab, "Any name will do")
    tab.keyboard.type("Zoë <b>")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("h1:has-text('Hello, Zoë <b>')")
    (cookie,) = tab.context.cookies()
    assert cookie.get("name") == COOKIE
    assert cookie.get("secure")
    assert cookie.get("httpOnly")
    assert cookie.get("sameSite") == "Lax"
    token = tab.locator("#token").inner_text().removeprefix(f"{COOKIE}=")
    assert token == cookie.get("value")
    assert tab.locator(".legend li").count() == 7

    press_until(tab, "Change the character at position")
    tab.keyboard.press("Control+A")
    tab.keyboard.type("0")
    assert "That is e, in the header." in tab.locator("#picked").inner_text()
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#result")
    assert "Step 2 refuses it: unknown_key" in tab.locator("#result h3").inner_text()
    assert tab.locator('#result [aria-current="step"] .verdict').inner_text() == "refused"
    expect(tab.locator("#result")).to_be_focused(timeout=1000 * PATIENCE)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")

    tab.goto("/")
    press_until(tab, "Sign out")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("h1:has-text('Signed out')")
    assert tab.context.cookies() == []


def test_in_chromium_by_mouse(tab: Page) -> None:
    """A click picks the character under it, dates run, and the theme changes the colours."""
    tab.goto("/")
    tab.get_by_role("link", name="Reload").click()
    tab.locator("#token").scroll_into_view_if_needed()
    # The last line that the signature takes; its box begins with the first one.
    left, top = tab.evaluate(
        "() => { const r = [...document.querySelector('#token .part-signature')"
        ".getClientRects()].at(-1); return [r.left + r.width / 2, r.top + r.height / 2]; }"
    )
    tab.mouse.click(left, top)
    at = int(tab.locator("#at").input_value())
    token = tab.locator("#token").inner_text().removeprefix(f"{COOKIE}=")
    assert at > token.rindex(".")
    assert f"That is {token[at]}, in the signature." in tab.locator("#picked").inner_text()

    dies = tab.locator("dt:has-text('token dies') + dd time")
    before = dies.inner_text()
    tab.wait_for_function(
        "before => [...document.querySelectorAll('dd time')].every(t => t.textContent !== before)",
        arg=before,
    )

    paper = "getComputedStyle(document.body).backgroundColor"
    light = tab.evaluate(paper)
    tab.get_by_role("button", name="Dark").click()
    tab.wait_for_selector('html[data-theme="dark"]')
    assert tab.evaluate(paper) != light


def test_in_chromium_without_scripts(served: Served, tab: Page) -> None:
    """All of it works without JavaScript."""
    browser = tab.context.browser
    assert browser is not None
    plain = browser.new_page(java_script_enabled=False, base_url=served.url)
    plain.goto("/")
    plain.get_by_label("Any name will do").fill("Ann")
    plain.get_by_role("button", name="Sign in").click()
    plain.get_by_role("button", name="In another context").click()
    assert "Step 4 refuses it" in plain.locator("#result h3").inner_text()
    assert plain.url.endswith("/?change=context#result")


def test_a_trial_stays_as_it_was(hs256: KeyRing) -> None:
    """Changes give new trials."""
    token = encode({}, hs256, now=NOW)
    trial = Trial(token=token, keys=hs256, policy=Policy.owasp(), now=NOW)
    before = replace(trial)
    for change in PREPARED.values():
        change.make(trial)
    assert trial == before
