"""A page with Flask-Babel, whose messages are texts that are translated late."""

from __future__ import annotations

from flask import Flask, flash, render_template_string, request, session
from flask_babel import Babel, get_locale, lazy_gettext
from markupsafe import Markup

from tokensession import KeyRing
from tokensession.adapters.flask import SessionInterface

app = Flask(__name__)
app.session_interface = SessionInterface(KeyRing.generate())
Babel(app, locale_selector=lambda: session.get("locale", "en"))

PAGE = """{%- for kind, text in get_flashed_messages(with_categories=true) -%}
{{ kind }}: {{ text }};{{ " " }}
{%- endfor -%}"""


@app.post("/locale")
def locale() -> str:
    """Keep the user's language, and say so on the next page."""
    session["locale"] = request.form["locale"]
    flash(lazy_gettext("saved <%(name)s>", name=request.form["locale"]), "info")
    flash(Markup("<b>bold</b>"), "html")
    return "saved"


@app.get("/")
def home() -> str:
    """Show the messages, and the language."""
    return render_template_string(PAGE) + str(get_locale())
