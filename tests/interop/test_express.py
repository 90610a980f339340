"""A session minted by a Python service, read by an Express one that cannot forge any."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from tokensession import KeyRing
from tokensession.adapters.asgi import SessionMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

NODE = Path(__file__).parents[2] / "interop" / "node"
BASKET = [{"article": "ESPRESSO-1KG", "price": 18.9}, {"article": "HAND-GRINDER", "price": 79}]


@pytest.fixture
def ring() -> KeyRing:
    """Give the ring of the service that mints."""
    return KeyRing.generate("Ed25519")


@pytest.fixture
def express(ring: KeyRing, tmp_path: Path) -> Iterator[httpx.Client]:
    """Give a client of the example, which runs with the reader's ring."""
    keys = tmp_path / "reader-keys.json"
    ring.reader().save(keys)
    node = shutil.which("node")
    assert node is not None, "node is not installed; .ci/setup test installs it"
    environment = {"READER_KEYS": str(keys), "PATH": os.environ["PATH"], "NODE_ENV": "production"}
    with subprocess.Popen(  # noqa: S603  # our own example
        [node, "example/app.js"], cwd=NODE, env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
                yield client
        finally:
            server.terminate()


def signed_in(ring: KeyRing) -> str:
    """Return the token in the cookie that the Python service sets."""

    async def sign_in(request: Request) -> Response:
        request.session.sign_in("zoë@example.org")  # type: ignore[attr-defined]
        request.session["basket"] = BASKET
        return Response(status_code=204)

    app = SessionMiddleware(Starlette(routes=[Route("/sign-in", sign_in)]), ring)

    async def visit() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url="https://shop.example"
        ) as client:
            return await client.get("/sign-in")

    return asyncio.run(visit()).cookies["__Host-session"]


def get(express: httpx.Client, token: str) -> httpx.Response:
    """Ask the Express service for the basket."""
    return express.get("/basket", headers={"cookie": f"__Host-session={token}"})


def test_express_reads_what_python_minted(express: httpx.Client, ring: KeyRing) -> None:
    """Subject and state arrive as they were, and caches keep nothing."""
    response = get(express, signed_in(ring))
    assert response.json() == {"subject": "zoë@example.org", "basket": BASKET}
    assert response.headers["vary"] == "Cookie"
    assert response.headers["cache-control"] == "no-store"


def test_express_refuses_all_else_alike(express: httpx.Client, ring: KeyRing) -> None:
    """Another ring's token, a changed one, an unsigned one, none: 401, and never an error."""
    token = signed_in(ring)
    header, payload, signature = token.split(".")
    other = signed_in(KeyRing.generate("Ed25519"))
    swapped = "B" if signature[9] != "B" else "C"
    answers = [
        get(express, bad)
        for bad in (
            "",
            "none",
            other,
            f"{header}.{payload}.",
            f"{header}.{other.split('.')[1]}.{signature}",
            f"{header}.{payload}.{signature[:9]}{swapped}{signature[10:]}",
            "a" * 8193,
        )
    ]
    answers.append(express.get("/basket"))
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1


def test_express_cannot_forge(ring: KeyRing, tmp_path: Path) -> None:
    """With the reader's ring the Node package refuses to mint and to renew."""
    keys = tmp_path / "reader-keys.json"
    ring.reader().save(keys)
    script = """
import { readFileSync } from "node:fs";
import { KeyRing, decode, encode, renew } from "tokensession";
const ring = KeyRing.fromJwks(readFileSync(process.argv[2], "utf8"), { fromStore: true });
const session = decode(process.argv[3], ring);
const errors = [() => encode({}, ring), () => renew(session, ring)].map((mint) => {
  try { return mint(); } catch (error) { return error.name; }
});
console.log(JSON.stringify(errors));
"""
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run(  # noqa: S603  # our own text
        [node, "--input-type=module", "-", str(keys), signed_in(ring)],
        input=script, cwd=NODE, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert json.loads(done.stdout) == ["ConfigError", "ConfigError"], done.stderr
