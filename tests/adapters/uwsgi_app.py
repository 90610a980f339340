"""What uWSGI serves in the tests: made in its master, unless it is told to load lazily."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from tokensession import KeyRing, Policy, SessionCodec, StoreError, TokenError, stores
from tokensession.format.base64url import b64url_decode
from tokensession.revocation.replica import Replica

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

keys = KeyRing.follow(os.environ["TEST_KEYS"], refresh=0.3)
store = stores.connect(os.environ["TEST_STORE"])
listed = store.revocations()
store.create()
replica = Replica(listed, refresh=0.3, max_staleness=1)
replica.read()
codec: SessionCodec[Any] = SessionCodec(keys, policy=Policy(), revocation=replica)
salted: SessionCodec[Any] = SessionCodec(keys)
salted.encode({})


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer ``/ask/SID`` from the store, and ``/read/TOKEN`` from keys and replica."""
    _, what, text = environ["PATH_INFO"].split("/")
    try:
        if what == "ask":
            answer: Any = listed.look_up(bytes.fromhex(text), None).denied
        else:
            answer = codec.decode(text).state["n"]
    except StoreError:
        answer = "late"
    except TokenError as error:
        answer = error.code
    salt = b64url_decode(salted.encode({}).split(".")[1].encode())[1:9].hex()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps([os.getpid(), salt, answer]).encode()]
