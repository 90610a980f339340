"""The keys of an OpenID provider, from its JWK Set (RFC 7517)."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import logging
import threading
from collections.abc import Mapping
from http.client import HTTPException
from time import monotonic
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import jwt

from tokensession.errors import ConfigError, StoreError
from tokensession.forks import PerProcess

PATIENCE: Final = 5.0  # seconds that a request waits for the provider's keys at the most
MAX_SET: Final = 512 * 1024  # bytes; a set of a hundred RSA keys has about 50 kB
MAX_KEYS: Final = 100
COOL_DOWN: Final = 30.0  # seconds between two fetches for kids that are unknown
MAX_AGE: Final = 3600.0  # seconds after which the set is fetched again, so that old keys leave
MIN_RSA_BITS: Final = 2048  # NIST SP 800-131A
_CURVES: Final = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}

_log = logging.getLogger("tokensession")


class _NoRedirects(HTTPRedirectHandler):
    """Follows no redirect: it could lead anywhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class ProviderKeys:
    """A provider's keys: fetched when a kid is unknown, and again after an hour.

    Thread-safe. One thread fetches at a time, and all requests wait for it together.

    Args:
        source: The address of the JWK Set, https or on this machine; or the set itself.

    Raises:
        ConfigError: Another address, or not a JWK Set.
    """

    def __init__(self, source: str | Mapping[str, Any]) -> None:
        self._url = source if isinstance(source, str) else None
        self._keys: list[dict[str, Any]] | None = None
        self._read_at = self._tried_at = -COOL_DOWN - MAX_AGE
        self._state = PerProcess(_Fetches)
        if isinstance(source, str):
            _check_url(source)
        else:
            self._keys = _keys_of(source)

    def key(self, kid: str | None, algorithm: str) -> Any:
        """Return the public key of a kid for an algorithm, ready for PyJWT.

        Args:
            kid: The key's name; None where the token names none, and the set has one that fits.
            algorithm: The token's, from the list of accepted ones.

        Raises:
            LookupError: The provider has no such key.
            StoreError: The provider's keys cannot be fetched, and none are known.
        """
        if self._url is not None and monotonic() - self._read_at > MAX_AGE:
            self._fetch()
        found = self._find(kid, algorithm)
        if found is None and self._url is not None:
            self._fetch()
            found = self._find(kid, algorithm)
        if found is None:
            raise LookupError(kid)
        return found

    def _find(self, kid: str | None, algorithm: str) -> Any | None:
        fitting = [
            key
            for one in self._keys or ()
            if (kid is None or one.get("kid") == kid)
            and (key := _prepared(one, algorithm)) is not None
        ]
        return fitting[0] if len(fitting) == 1 else None

    def _fetch(self) -> None:
        """Fetch the set, unless that was tried just now; keep the last good one if it fails."""
        fetches = self._state()
        with fetches.lock:
            if fetches.running is None and monotonic() - self._tried_at >= COOL_DOWN:
                assert self._url is not None
                self._tried_at = monotonic()
                fetches.running = _Fetch(self._url)
            running = fetches.running
        if running is not None:
            running.wait()
            self._take(running, fetches)
        if self._keys is None:
            raise StoreError("the keys of the OpenID provider cannot be fetched")

    def _take(self, running: _Fetch, fetches: _Fetches) -> None:
        """Take what a fetch has brought, unless another request was faster."""
        with fetches.lock:
            if fetches.running is not running or not running.done.is_set():
                return
            fetches.running = None
            if running.keys is None:
                _log.warning("the OpenID provider's keys cannot be used: %s", running.reason)
            else:
                self._keys, self._read_at = running.keys, monotonic()


class _Fetches:
    """What each process has for itself."""

    def __init__(self) -> None:
        self.lock = threading.Lock()  # never held while a request waits
        self.running: _Fetch | None = None


class _Fetch:
    """One fetch, in a thread of its own: a provider that answers byte by byte holds up no request.

    Attributes:
        done: Set when it has ended.
        keys: What it has brought, or None.
        reason: Why it has brought none.
    """

    def __init__(self, url: str) -> None:
        self.done = threading.Event()
        self.keys: list[dict[str, Any]] | None = None
        self.reason = ""
        self._told = False
        self._until = monotonic() + PATIENCE
        threading.Thread(
            target=self._run, args=(url,), name="tokensession-provider-keys", daemon=True
        ).start()

    def wait(self) -> None:
        """Wait until it has ended, but not longer than `PATIENCE` from its start."""
        if self.done.wait(max(0.0, self._until - monotonic())) or self._told:
            return
        self._told = True  # once for all that wait
        _log.warning("the OpenID provider's keys: no answer within %g s", PATIENCE)

    def _run(self, url: str) -> None:
        try:
            self.keys = _keys_of(json.loads(_read(url)))
        except ConfigError as error:
            self.reason = str(error)
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            self.reason = type(error).__name__
            if isinstance(error, HTTPError):
                error.close()  # it holds the connection
        finally:
            self.done.set()


def _read(url: str) -> bytes:
    request = Request(url, headers={"Accept": "application/jwk-set+json, application/json"})  # noqa: S310
    ends, data = monotonic() + COOL_DOWN, b""
    with build_opener(_NoRedirects).open(request, timeout=PATIENCE) as response:
        while len(data) <= MAX_SET and (part := response.read1(MAX_SET)):
            data += part
            if monotonic() > ends:  # it answers byte by byte
                raise TimeoutError
    if len(data) > MAX_SET:
        raise ConfigError(f"the set has more than {MAX_SET} bytes")
    return data


def _check_url(url: str) -> None:
    with contextlib.suppress(ValueError):  # such as half a bracket; it can quote a password
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.hostname:
            return
        if parts.scheme == "http" and _is_this_machine(parts.hostname or ""):
            return
    raise ConfigError("keys must be the https address of the provider's JWK Set, or the set itself")


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _keys_of(document: object) -> list[dict[str, Any]]:
    """Return the keys of a JWK Set that can be used for signatures, private and secret ones not."""
    keys = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(keys, list):
        raise ConfigError("not a JWK Set: it has no list of keys")
    if len(keys) > MAX_KEYS:
        raise ConfigError(f"the set has more than {MAX_KEYS} keys")
    return [one for one in keys if isinstance(one, dict) and one.get("use", "sig") == "sig"]


def _prepared(jwk: dict[str, Any], algorithm: str) -> Any | None:
    """Return a key as PyJWT takes it, or None where it is not one of the algorithm."""
    if jwk.get("alg", algorithm) != algorithm or jwk.get("kty") == "oct":
        return None
    if algorithm in _CURVES and jwk.get("crv") != _CURVES[algorithm]:
        return None
    public = {name: value for name, value in jwk.items() if name not in _PRIVATE}
    try:
        key = jwt.get_algorithm_by_name(algorithm).from_jwk(public)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    return key if jwk.get("kty") != "RSA" or key.key_size >= MIN_RSA_BITS else None


_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})
