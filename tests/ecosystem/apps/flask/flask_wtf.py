"""A guest book with Flask-WTF's forms and its protection of every other request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, flash, redirect, render_template_string, request, session
from flask_wtf import CSRFProtect, FlaskForm
from wtforms import StringField
from wtforms.validators import DataRequired

from tokensession import KeyRing, stores
from tokensession.adapters.flask import SessionInterface

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

store = stores.connect("memory:")
app = Flask(__name__)
app.secret_key = "signs the tokens of forms"
app.session_interface = SessionInterface(KeyRing.generate(), revocation=store.revocations())
csrf = CSRFProtect(app)

PAGE = """
<p>{{ session.user or "no user" }}: {{ get_flashed_messages() | join }}</p>
<form method="post">{{ form.hidden_tag() }} {{ form.name() }}</form>
"""


class NameForm(FlaskForm):
    """Asks for a name."""

    name = StringField(validators=[DataRequired()])


@app.route("/", methods=["GET", "POST"])
def home() -> str | Response:
    """Sign in the guest who gives a name."""
    form = NameForm()
    if form.validate_on_submit():
        session.sign_in(form.name.data)
        session["user"] = form.name.data
        flash(f"welcome, {form.name.data}")
        return redirect("/")
    return render_template_string(PAGE, form=form)


@app.post("/note")
def note() -> str:
    """Take a note from a script, which sends the token in a header."""
    return f"{session['user']}: {request.get_json()}"


@app.post("/logout")
def logout() -> str:
    """Sign out."""
    session.clear()
    return "bye"
