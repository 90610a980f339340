"""An admin site with starlette-admin, as its documentation shows it."""

from __future__ import annotations

from fastapi import FastAPI, Request
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette_admin.auth import AdminUser, AuthProvider
from starlette_admin.contrib.sqla import Admin, ModelView
from starlette_admin.exceptions import LoginFailed

from tokensession import KeyRing, Policy, stores
from tokensession.adapters.asgi import SessionMiddleware

keys = KeyRing.generate()
store = stores.connect("memory:")
engine = create_engine("sqlite:///shop.sqlite3", connect_args={"check_same_thread": False})


class Base(DeclarativeBase):
    """The tables."""


class Book(Base):
    """A book with a title."""

    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]


class Auth(AuthProvider):
    """Signs in who knows the password."""

    async def login(
        self,
        username: str,
        password: str,
        remember_me: bool,
        request: Request,
    ) -> None:
        """Sign in, for longer if the box is ticked."""
        if password != "open sesame":
            raise LoginFailed("wrong name or password")
        request.session.sign_in(username)
        if remember_me:
            request.session.set_lifetime(7 * 86400)
        request.session["user"] = username

    async def authenticate(self, request: Request) -> AdminUser | None:
        """Return who has signed in."""
        user = request.session.get("user")
        return AdminUser(username=user) if user else None

    async def logout(self, request: Request) -> None:
        """Sign out."""
        request.session.clear()


Base.metadata.create_all(engine)
app = FastAPI()
policy = Policy(longest=7 * 86400)
app.add_middleware(SessionMiddleware, keys, policy=policy, revocation=store.revocations())
admin = Admin(engine, auth_provider=Auth(), secret_key="signs forms and messages")
admin.add_view(ModelView(Book))
admin.mount_to(app)
