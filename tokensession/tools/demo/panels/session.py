"""The part of the page in which one signs in and out, and changes the state of the session."""

from __future__ import annotations

from typing import Final

from tokensession.tools.demo.markup import NOTHING, Html, confirmation, fill, join, load
from tokensession.tools.demo.view import PRODUCTS, THEMES, View
from tokensession.tools.wording import plural

_INTRO: Final = load("session_intro.html")

_STORY: Final = load("story.html")

_SIGN_IN: Final = load("session_sign_in.html")

_SIGNED_IN: Final = load("session_signed_in.html")

_STATE: Final = load("session_state.html")

_CHOICE: Final = '<button name="$field" value="$value"$extra>$label</button>'


def session_panel(view: View, csrf: Html) -> Html:
    """Return the part with the forms."""
    subject = view.session.subject
    story = fill(_STORY, tamper="experiment" if view.is_read else "cookie")
    if subject is None:
        begin = join((fill(_INTRO), story, fill(_SIGN_IN, csrf=csrf)))
    else:
        begin = join((fill(_SIGNED_IN, csrf=csrf, name=subject, done=_signed_in(view)), story))
    return join((begin, _state(view, csrf)))


def _signed_in(view: View) -> Html:
    if view.done != "signed-in":
        return NOTHING
    return confirmation(f"You are signed in. Your session id is new: {view.session.sid.hex()}.")


def _cart_done(view: View) -> Html:
    if view.done != "cart":
        return NOTHING
    count = sum(view.session.get("cart", {}).values())
    holds = plural(count, "article") if count else "nothing"
    return confirmation(f"Your cart holds {holds} now, and your browser has a new cookie.")


def _theme_done(view: View) -> Html:
    if view.done != "theme":
        return NOTHING
    return confirmation(f"The theme is “{THEMES[view.theme]}” now, and the cookie keeps it.")


def _state(view: View, csrf: Html) -> Html:
    cart = view.session.get("cart", {})
    lines = join(
        fill("<li>$count &times; $name</li>", count=count, name=PRODUCTS[sku])
        for sku, count in cart.items()
    )
    products = [_choice("sku", sku, f"Add {name}") for sku, name in PRODUCTS.items()]
    if cart:
        products.append(_choice("sku", "", "Empty the cart"))
    themes = [
        _choice("theme", value, label, pressed=value == view.theme)
        for value, label in THEMES.items()
    ]
    return fill(
        _STATE,
        csrf=csrf,
        cart=fill('<ul class="cart">$lines</ul>', lines=lines)
        if cart
        else fill('<p class="note">It is empty.</p>'),
        products=join(products),
        cart_done=_cart_done(view),
        theme_done=_theme_done(view),
        themes=join(themes),
    )


def _choice(field: str, value: str, label: str, *, pressed: bool | None = None) -> Html:
    state = {None: NOTHING, True: _PRESSED, False: _RELEASED}[pressed]
    return fill(_CHOICE, field=field, value=value, label=label, extra=state)


_PRESSED: Final = Html(' aria-pressed="true"')
_RELEASED: Final = Html(' aria-pressed="false"')
