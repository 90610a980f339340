"""An address book with Flask-AppBuilder, as its documentation shows it."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from flask_appbuilder import AppBuilder, Model, ModelView
from flask_appbuilder.models.sqla.base import SQLA
from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy import Column, Integer, String

from tokensession import KeyRing, stores
from tokensession.adapters.flask import SessionInterface

store = stores.connect("memory:")
app = Flask(__name__)
app.session_interface = SessionInterface(KeyRing.generate(), revocation=store.revocations())
app.config.update(
    SECRET_KEY="signs the tokens of forms",
    SQLALCHEMY_DATABASE_URI=f"sqlite:///{Path.cwd() / 'book.sqlite3'}",
    LANGUAGES={"en": {"flag": "gb", "name": "English"}, "pt": {"flag": "pt", "name": "Portuguese"}},
)
db = SQLA(app)


class Contact(Model):
    """A name in the address book."""

    __tablename__ = "contacts"

    id = Column(Integer, primary_key=True)
    name = Column(String(50), unique=True, nullable=False)

    def __repr__(self) -> str:
        return str(self.name)


class ContactView(ModelView):
    """Lists and edits the names."""

    datamodel = SQLAInterface(Contact)
    list_columns = ("name",)


with app.app_context():
    appbuilder = AppBuilder(app, db.session)
    db.create_all()
    appbuilder.add_view(ContactView, "Contacts", category="Book")
    appbuilder.sm.add_user(
        "ada", "Ada", "Lovelace", "ada@example.org", appbuilder.sm.find_role("Admin"), "secret"
    )
