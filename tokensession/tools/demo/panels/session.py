"""The part of the page in which one signs in and out, and changes the state of the session."""

from __future__ import annotations

from typing import Final

from tokensession.tools.demo.markup import NOTHING, Html, fill, join
from tokensession.tools.demo.view import PRODUCTS, THEMES, View

_INTRO: Final = """\
<section class="intro">
<h1>A session that lives in its cookie</h1>
<p class="lead">Encrypted, signed, and readable by any process that holds the keys. There is no
session store behind this page: what you do here travels in the cookie, and what is kept is a list
of the sessions that were ended.</p>
</section>
"""

_SIGN_IN: Final = """\
<section aria-labelledby="you">
<h2 id="you">Sign in</h2>
<form class="row" method="post" action="/sign-in">$csrf
<label for="name">Any name will do</label>
<input id="name" name="name" required maxlength="64" autocomplete="off" autocapitalize="words">
<button class="primary">Sign in</button>
</form>
<p class="note">Your cart and theme come along; the session id does not. It is new at every sign-in,
so an id that someone planted before is worth nothing.</p>
</section>
"""

_SIGNED_IN: Final = """\
<section class="hello">
<h1>Hello, <bdi>$name</bdi></h1>
<form method="post" action="/sign-out">$csrf<button>Sign out</button></form>
</section>
"""

_STATE: Final = """\
<section aria-labelledby="state">
<h2 id="state">Change the state</h2>
<div class="columns">
<div><h3>Cart</h3>$cart
<form class="choices" method="post" action="/cart">$csrf$products</form></div>
<div><h3>Theme</h3>
<p class="note">Kept in the session, like all of this.</p>
<form class="choices" method="post" action="/theme">$csrf$themes</form></div>
</div>
</section>
"""

_CHOICE: Final = '<button name="$field" value="$value"$extra>$label</button>'


def session_panel(view: View, csrf: Html) -> Html:
    """Return the part with the forms."""
    subject = view.session.subject
    if subject is None:
        begin = join((fill(_INTRO), fill(_SIGN_IN, csrf=csrf)))
    else:
        begin = fill(_SIGNED_IN, csrf=csrf, name=subject)
    return join((begin, _state(view, csrf)))


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
        themes=join(themes),
    )


def _choice(field: str, value: str, label: str, *, pressed: bool | None = None) -> Html:
    state = {None: NOTHING, True: _PRESSED, False: _RELEASED}[pressed]
    return fill(_CHOICE, field=field, value=value, label=label, extra=state)


_PRESSED: Final = Html(' aria-pressed="true"')
_RELEASED: Final = Html(' aria-pressed="false"')
