"""The page of ``tokensession demo``, used from beginning to end: light, dark, large and small."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Literal

import pytest
from playwright.sync_api import expect

from tests.adapters.servers import PATIENCE
from tokensession.tools.demo.server import server_of, temporary_bench

from .chromium import complaints_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

NAME = "__Host-session"
CHANGED = {  # the part in which a character is changed, and the step that must refuse it
    "header": "Step 2 refuses it: unknown_key",
    "version": "Step 4 refuses it: bad_signature",
    "ciphertext": "Step 4 refuses it: bad_signature",
    "signature": "Step 4 refuses it: bad_signature",
}
LEAST_CONTRAST = 4.5  # WCAG 2.2, success criterion 1.4.3, for text of any size
# The least contrast of any text that is seen, with the text.
CONTRAST = """() => {
  const channels = (color) => {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 1;
    const context = canvas.getContext('2d');
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    throw new Error('no ground');
  };
  let least = [99, ''];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), parent = walker.currentNode.parentElement;
    if (!text || !parent.checkVisibility() || parent.matches('.skip, meter')) continue;
    const pair = [channels(getComputedStyle(parent).color), ground(parent)].map(luminance);
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (ratio < least[0]) least = [ratio, text];
  }
  return least;
}"""


@pytest.fixture
def address() -> Iterator[str]:
    """Serve the page as the command does."""
    with socket.create_server(("127.0.0.1", 0)) as listener, temporary_bench() as bench:
        running = server_of(bench)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            running.should_exit = True
            thread.join(PATIENCE)


# Contrast depends on the scheme and clipping on the width, so each of them is there once.
WIDE, NARROW = ("light", 1280), ("dark", 320)
wide = pytest.mark.parametrize("page", [WIDE], indirect=True, ids=str)
narrow = pytest.mark.parametrize("page", [NARROW], indirect=True, ids=str)


@pytest.fixture(params=[WIDE, NARROW], ids=str)
def page(request: pytest.FixtureRequest, chromium: Browser, address: str) -> Iterator[Page]:
    """Give the page's tab; afterwards nothing was complained about, and nothing asked elsewhere."""
    scheme: Literal["light", "dark"]
    scheme, width = request.param
    context = chromium.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, base_url=address
    )
    context.set_default_timeout(PATIENCE * 1000)
    tab = context.new_page()
    complaints, asked = complaints_of(tab), list[str]()
    tab.on("request", lambda sent: asked.append(sent.url))
    yield tab
    context.close()
    assert complaints == []
    assert len(asked) > 3
    assert [url for url in asked if not url.startswith(f"{address}/")] == []


def sign_in(page: Page) -> None:
    """Sign in as Ann."""
    page.get_by_label("Any name will do").fill("Ann")
    page.get_by_role("button", name="Sign in").press("Enter")
    page.get_by_role("heading", name="Hello, Ann").wait_for()


def check_looks(page: Page) -> None:
    """Hold what is seen against what can be measured: nothing clipped, nothing too faint."""
    page.wait_for_load_state()  # a heading is there before the style sheet is
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    least, text = page.evaluate(CONTRAST)
    assert least >= LEAST_CONTRAST, text


def press_until(page: Page, name: str) -> None:
    """Press Tab until the control with this text has the focus, which must be visible."""
    for _ in range(80):
        page.keyboard.press("Tab")
        text, outlined = page.evaluate(
            "() => { const e = document.activeElement;"
            "if (e === document.body || e.closest('.story')) return ['', false];"
            "return ["  # from the last to the first
            "[e.labels?.[0]?.textContent, e.ariaLabel || e.textContent].filter(Boolean).join(' '),"
            "getComputedStyle(e).outlineStyle !== 'none']; }"
        )
        if name in text:
            assert outlined
            return
    pytest.fail(f"{name!r} is not to be reached by Tab")


def test_from_signing_in_to_signing_out_by_keyboard(page: Page) -> None:
    """Sign in, change the state, change a character, see which check refuses it, sign out."""
    page.goto("/")
    check_looks(page)
    press_until(page, "Any name will do")
    page.keyboard.type("Ann")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Hello, Ann").wait_for()
    (first,) = page.context.cookies()
    press_until(page, "Add Espresso")
    page.keyboard.press("Enter")
    page.locator(".cart li", has_text="Espresso, 1 kg").wait_for()
    (second,) = page.context.cookies()
    assert second.get("value") != first.get("value")
    check_looks(page)

    press_until(page, "Change the character at position")
    page.keyboard.press("Control+A")
    page.keyboard.type("0")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Step 2 refuses it: unknown_key").wait_for()
    check_looks(page)
    assert page.context.cookies() == [second]  # only a copy was changed

    page.goto("/")
    press_until(page, "Sign out")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Signed out").wait_for()
    check_looks(page)
    assert page.context.cookies() == []


@wide
def test_a_character_of_each_part(page: Page) -> None:
    """For each changed part, the result names the step that refuses it."""
    page.goto("/")
    page.goto("/")
    at = 0
    places = {}
    for part, text in page.evaluate(
        "[...document.querySelectorAll('#token .part')].map(e => [e.dataset.part, e.textContent])"
    ):
        places[part] = at + len(text) // 2
        at += len(text) + (part in ("header", "tag"))  # a dot follows
    for part, verdict in CHANGED.items():
        page.get_by_label("Change the character at position").fill(str(places[part]))
        assert f", in the {part}." in page.locator("#picked").inner_text()
        with page.expect_navigation():  # the page before may give the same verdict
            page.get_by_role("button", name="Change it").click()
        page.get_by_role("heading", name=verdict).wait_for()
        assert f"Character {places[part]} was" in page.locator("#result").inner_text()


def test_the_scheme_of_the_system_and_of_ones_own(page: Page) -> None:
    """The page follows the system until a theme is chosen, which is kept in the session."""
    paper = "getComputedStyle(document.body).backgroundColor"
    page.goto("/")
    system = page.evaluate(paper)
    assert system == page.evaluate(
        "matchMedia('(prefers-color-scheme: dark)').matches"
        " ? 'rgb(22, 25, 28)' : 'rgb(251, 250, 247)'"
    )
    colors = {}
    for theme in ("Light", "Dark"):
        page.get_by_role("button", name=theme).click()
        page.locator(f'html[data-theme="{theme.lower()}"]').wait_for()
        check_looks(page)
        colors[theme] = page.evaluate(paper)
    assert colors == {"Light": "rgb(251, 250, 247)", "Dark": "rgb(22, 25, 28)"}


@narrow
def test_a_token_is_taken_apart_by_keyboard(page: Page) -> None:
    """Paste one, see that it is read, and its bytes; change it, and see what refuses it."""
    page.goto("/")
    (cookie,) = page.context.cookies()
    token = str(cookie.get("value"))
    for text, verdict in ((token, "It is read"), (f"A{token}", "Step 2 refuses it: unknown_key")):
        press_until(page, "as a Cookie header has it")
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(f"{NAME}={text}")
        press_until(page, "Take it apart")
        page.keyboard.press("Enter")
        page.locator("#pasted").get_by_role("heading", name=verdict).wait_for()
        expect(page.locator("#pasted")).to_be_focused(timeout=1000 * PATIENCE)
        press_until(page, "Every byte of it")
        page.keyboard.press("Enter")
        assert page.locator(".bytes .part-signature").first.is_visible()
        check_looks(page)
    assert page.context.cookies() == [cookie]


@wide
def test_keys_by_keyboard(page: Page, address: str) -> None:
    """Rotate, and revoke the active key: the drawing and the table follow, the session ends."""
    page.goto("/")
    sign_in(page)
    before = page.locator(".timeline ol li").count()
    press_until(page, "Rotate")
    page.keyboard.press("Enter")
    page.get_by_text("A key is pending: rotate again").wait_for()
    assert page.url == f"{address}/?done=rotated#keys"
    assert "is published, and signs in" in page.locator(".done").inner_text()
    assert page.locator(".timeline ol li").count() == before + 1
    assert page.get_by_role("button", name="Rotate").is_disabled()
    assert page.locator("td .state", has_text="pending").count() == 1
    check_looks(page)

    row = page.locator("section[aria-labelledby=keys] tr", has_text="active")
    kid = row.locator("th").inner_text()
    row.get_by_role("button", name=f"Revoke the key {kid}").press("Enter")
    page.get_by_text("Its key was revoked or has expired.").wait_for()
    revoked = page.locator("section[aria-labelledby=keys] tr", has_text=kid)
    assert revoked.locator(".state").inner_text() == "revoked"
    assert revoked.get_by_role("button").count() == 0
    page.get_by_text("now, ahead of its date").wait_for()
    check_looks(page)


@narrow
def test_a_state_that_the_clock_has_changed(page: Page) -> None:
    """When a key's time has come the page says so, and loads nothing unasked."""
    page.clock.install()
    page.goto("/")
    page.get_by_role("button", name="Rotate").click()
    page.get_by_text("A key is pending: rotate again").wait_for()
    assert page.locator("#stale").is_hidden()
    page.clock.run_for(32_000)
    page.locator("#stale").wait_for()
    check_looks(page)


MOST_HIGH = 3700  # pixels at 1280 of width: a story that is longer is not read to its end
# What is wider than its place and scrolls there.
SCROLLING = """() => [...document.querySelectorAll('body *')].filter((e) =>
  e.scrollWidth > e.clientWidth + 1 && e.clientWidth
  && !['visible', 'clip', 'hidden'].includes(getComputedStyle(e).overflowX)
).map((e) => `${e.tagName} ${e.className}`)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_short_and_nothing_in_it_scrolls(
    chromium: Browser, address: str, scheme: Literal["light", "dark"], width: int
) -> None:
    """At first, and after a visitor has tried what can be tried; on a telephone, too."""
    context = chromium.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, base_url=address
    )
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()

    def check_size() -> None:
        assert page.evaluate(SCROLLING) == []
        if width == 1280:
            assert page.evaluate("document.documentElement.scrollHeight") <= MOST_HIGH

    def check() -> None:
        check_looks(page)
        check_size()

    def press(name: str) -> None:
        with page.expect_navigation():
            page.get_by_role("button", name=name).first.click()

    page.goto("/")
    page.goto("/")
    check()
    sign_in(page)
    for name in ("Add Espresso", "Rotate", "Sign in there", "Sign in again"):
        press(name)
        page.locator(".done").wait_for()
    check()
    press("Replay the cookie of")
    check_size()
    for _ in range(3):  # beyond the limit
        press("Sign in there")
        check_size()
    page.locator(".over .state", has_text="revoked").first.wait_for()
    check()
    context.close()


@narrow
def test_where_one_is_signed_in_by_keyboard(page: Page) -> None:
    """Sign another browser in, replay its cookie, end it from here, and replay it again."""
    page.goto("/")
    sign_in(page)

    def press(name: str) -> None:
        press_until(page, name)
        with page.expect_navigation():
            page.keyboard.press("Enter")

    press_until(page, "Label")
    press_until(page, "Label")
    page.keyboard.press("Control+A")
    page.keyboard.type("Telephone")
    press("Sign in there")
    assert page.url.endswith("/?done=elsewhere#signed-in")
    page.get_by_text("Another browser is signed in as “Telephone”.").wait_for()
    row = page.get_by_role("row", name="Telephone")
    assert "accepted" in row.inner_text()
    assert "the other browser" in row.inner_text()
    check_looks(page)
    verdicts = page.locator("#replayed").get_by_role("heading")
    for ended, told in ((False, "It is read"), (True, "Step 9 refuses it: revoked")):
        if ended:
            press("End the session Telephone")
            page.get_by_text("“Telephone” has ended. Now replay its cookie.").wait_for()
            assert "revoked" in row.inner_text()
        press("Replay the cookie of Telephone")
        assert verdicts.all_inner_texts() == [told, "It is read"]
        expect(page.locator("#replayed")).to_be_focused(timeout=1000 * PATIENCE)
        check_looks(page)
    page.get_by_role("button", name="Sign out").press("Enter")
    page.get_by_role("link", name="replay my previous cookie").press("Enter")
    page.locator("#replayed").get_by_role("heading", name="Step 9 refuses it: revoked").wait_for()
    expect(page.locator("#replayed")).to_be_focused(timeout=1000 * PATIENCE)
    check_looks(page)


def test_other_devices_without_scripts(chromium: Browser, address: str) -> None:
    """Two browsers of one user, neither with JavaScript: one logs out the other."""
    one, other = (
        chromium.new_context(java_script_enabled=False, base_url=address) for _ in range(2)
    )
    tabs = [context.new_page() for context in (one, other)]
    for tab in tabs:
        tab.set_default_timeout(PATIENCE * 1000)
        tab.goto("/")
        sign_in(tab)
    tabs[0].reload()  # the list had one session when the page was loaded
    rows = tabs[0].get_by_role("table", name="The sessions of Ann").get_by_role("row")
    rows.filter(has_not_text="this browser").get_by_role("button", name="End").click()
    tabs[0].get_by_text("has ended. Now replay its cookie.").wait_for()
    tabs[1].goto("/")
    tabs[1].get_by_text("was refused: revoked").wait_for()
    for context in (one, other):
        context.close()


def test_a_form_of_a_tab_that_is_signed_out(profile: BrowserContext, address: str) -> None:
    """A second tab that does not know it yet is told why its form is refused; nothing changes."""
    one, other = profile.new_page(), profile.new_page()
    one.goto(address)
    one.get_by_label("Any name will do").fill("Ann")
    one.get_by_role("button", name="Sign in").click()
    one.get_by_role("heading", name="Hello, Ann").wait_for()
    other.goto(address)
    other.get_by_role("button", name="Sign out").click()
    other.get_by_role("heading", name="Signed out").wait_for()
    one.get_by_role("button", name="Add Espresso").click()
    one.get_by_role("heading", name="Refused").wait_for()
    assert "signed out in another tab" in one.locator("main").inner_text()
    assert profile.cookies() == []
    one.go_back(wait_until="commit")  # a page from memory is not loaded at first
    one.get_by_role("heading", name="A session that lives in its cookie").wait_for()
