"""A greeter with Gradio, mounted on FastAPI as Gradio's documentation shows it."""

from __future__ import annotations

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "0"

import gradio as gr
from fastapi import FastAPI, Request

from tokensession import KeyRing, stores
from tokensession.adapters.asgi import SessionMiddleware

keys = KeyRing.generate()
store = stores.connect("memory:")
app = FastAPI()
app.add_middleware(SessionMiddleware, keys, revocation=store.revocations())


@app.post("/login")
def login(request: Request, name: str) -> None:
    """Sign in."""
    request.session.sign_in(name)
    request.session["user"] = name


@app.post("/logout")
def logout(request: Request) -> None:
    """Sign out."""
    request.session.clear()


def user_of(request: Request) -> str | None:
    """Tell Gradio who has signed in."""
    return request.session.get("user")


def greet(text: str, request: gr.Request) -> str:
    """Greet by the session, which an event handler reads after the response."""
    return f"{text}, {request.session['user']} is {request.username}"


def count(request: gr.Request):
    """Stream."""
    for number in range(3):
        yield f"{number} {request.session['user']}"


with gr.Blocks() as demo:
    box = gr.Textbox()
    gr.Button("greet").click(greet, box, box, api_name="greet")
    gr.Button("count").click(count, None, box, api_name="count")


def who(request: gr.Request) -> str:
    """Tell everybody who they are."""
    return str(request.session.get("user"))


with gr.Blocks() as for_all:
    box = gr.Textbox()
    gr.Button("who").click(who, None, box, api_name="who")

app = gr.mount_gradio_app(app, for_all, path="/for-all")
app = gr.mount_gradio_app(app, demo, path="/greeter", auth_dependency=user_of)
