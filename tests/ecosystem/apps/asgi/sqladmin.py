"""An admin site with sqladmin, as its documentation shows it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from sqladmin import Admin, Flash, ModelView
from sqladmin.authentication import AuthenticationBackend
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tokensession import KeyRing, stores
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


class BookAdmin(ModelView, model=Book):
    """The pages of the books."""

    column_list = (Book.id, Book.title)

    async def after_model_change(
        self,
        data: dict[str, Any],
        model: Any,
        is_created: bool,
        request: Request,
    ) -> None:
        """Tell on the next page what was saved."""
        Flash.success(request, f"{data['title']} is in the shop")


class Auth(AuthenticationBackend):
    """Signs in who knows the password."""

    async def login(self, request: Request) -> bool:
        """Sign in by the form."""
        form = await request.form()
        if form["password"] != "open sesame":
            return False
        request.session.sign_in(form["username"])
        request.session["user_id"] = form["username"]
        return True

    async def logout(self, request: Request) -> bool:
        """Sign out."""
        request.session.clear()
        return True

    async def authenticate(self, request: Request) -> bool:
        """Tell whether the browser has signed in."""
        return "user_id" in request.session


Base.metadata.create_all(engine)
app = FastAPI()
app.add_middleware(SessionMiddleware, keys, revocation=store.revocations())
backend = Auth(secret_key="unused")
backend.middlewares = []
admin = Admin(app, engine, authentication_backend=backend)
admin.add_view(BookAdmin)
