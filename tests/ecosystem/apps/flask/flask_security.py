"""An account with Flask-Security: registration, two factors, fresh passwords."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, session
from flask_security import FSQLALiteUserDatastore, Security, auth_required, current_user
from flask_security.models import sqla
from flask_sqlalchemy_lite import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase

from tokensession import KeyRing, stores
from tokensession.adapters.flask import SessionInterface

store = stores.connect("memory:")
app = Flask(__name__)
app.session_interface = SessionInterface(KeyRing.generate(), revocation=store.revocations())
app.config.update(
    SECRET_KEY="signs the tokens of forms and the cookie of remember me",
    SQLALCHEMY_ENGINES={"default": f"sqlite:///{Path.cwd() / 'shop.sqlite3'}"},
    SECURITY_PASSWORD_SALT="146585145368132386173505678016728509634",
    SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
    SECURITY_PASSWORD_HASH="plaintext",  # quick, and for tests alone
    SECURITY_REGISTERABLE=True,
    SECURITY_SEND_REGISTER_EMAIL=False,
    SECURITY_CHANGEABLE=True,
    SECURITY_SEND_PASSWORD_CHANGE_EMAIL=False,
    SECURITY_TWO_FACTOR=True,
    SECURITY_TWO_FACTOR_ENABLED_METHODS=["authenticator"],
    SECURITY_TOTP_SECRETS={"1": "TjQ9Qa31VOrfEzuPy4VHQWPCTmRzCnFzMKLxXYiZu9B"},
    SECURITY_TOTP_ISSUER="shop",
    SECURITY_POST_LOGIN_VIEW="/account",
    SECURITY_POST_REGISTER_VIEW="/account",
    SECURITY_POST_CHANGE_VIEW="/account",
)


class Base(DeclarativeBase):
    """The tables."""


sqla.FsModels.set_db_info(base_model=Base, user_table_name="users", role_table_name="roles")


class Role(Base, sqla.FsRoleMixin):
    """What users may do."""

    __tablename__ = "roles"


class User(Base, sqla.FsUserMixin):
    """A user with an address and a password."""

    __tablename__ = "users"


db = SQLAlchemy(app)
security = Security(app, FSQLALiteUserDatastore(db, User, Role))
with app.app_context():
    Base.metadata.create_all(db.engine)


@app.get("/account")
@auth_required("session")
def account() -> str:
    """Show who has signed in, and whether as the session's subject."""
    return f"{current_user.email} {session.subject == current_user.fs_uniquifier}"


@app.get("/payment")
@auth_required("session", within=10, grace=5)
def payment() -> str:
    """Show what needs a password that was given lately."""
    return f"payment of {current_user.email}"
