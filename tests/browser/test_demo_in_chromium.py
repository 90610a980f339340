"""The page of ``tokensession demo``, used from beginning to end: light, dark, large and small."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Literal

import pytest

from tests.adapters.servers import PATIENCE
from tokensession.demo.server import server_of, temporary_keys

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


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve the page as the command does."""
    with socket.create_server(("127.0.0.1", 0)) as listener, temporary_keys() as keys:
        running = server_of(keys)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            running.should_exit = True
            thread.join(PATIENCE)


@pytest.fixture(params=[("light", 1280), ("dark", 1280), ("light", 320), ("dark", 320)], ids=str)
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


def check_looks(page: Page) -> None:
    """Hold what is seen against what can be measured: nothing clipped, nothing too faint."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    least, text = page.evaluate(CONTRAST)
    assert least >= LEAST_CONTRAST, text


def press_until(page: Page, name: str) -> None:
    """Press Tab until the control with this text has the focus, which must be visible."""
    for _ in range(80):
        page.keyboard.press("Tab")
        text, outlined = page.evaluate(
            "() => { const e = document.activeElement; return ["
            "[e.labels?.[0]?.textContent, e.textContent].filter(Boolean).join(' '),"
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


def test_a_character_of_each_part(page: Page) -> None:
    """Whichever is changed, the result names the step that refuses it."""
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
