"""How a token travels: in a cookie, or in headers of an API. Text only; who decides is `manager`.

Rules: RFC 6265 and its revision (draft-ietf-httpbis-rfc6265bis) for cookies and their prefixes,
RFC 6750 for bearer tokens, RFC 9110 and 9111 for Vary and Cache-Control.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from tokensession.errors import ConfigError, SessionTooLarge
from tokensession.tokens.limits import MAX_TOKEN, TOO_LARGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_COOKIE: Final = 4096  # bytes of name and value; browsers drop more, and keep the OLD cookie
MAX_AGE: Final = 400 * 86400  # seconds; browsers cap a cookie's lifetime there
MAX_CANDIDATES: Final = 4  # values of one name that are looked at, so that hostile ones cost little

HEADER_CONTEXT: Final = "header"  # so that a client's token does not do for a browser's cookie

SameSite = Literal["Lax", "Strict", "None"]
Headers = list[tuple[bytes, bytes]]  # as ASGI has them: names in lower case, in order

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, which RFC 6265 asks of a name
_DOMAIN = re.compile(r"\.?[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_PATH = re.compile(r"/[\x21-\x3a\x3c-\x7e]{0,1023}")
_PREFIXES = ("__host-http-", "__http-", "__host-", "__secure-")  # the longest first


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """The cookie that carries the token, as safe as browsers can make it unless told otherwise.

    Attributes:
        name: With the prefix ``__Host-`` browsers hold it to Secure, ``Path=/`` and this very
            host; with ``__Secure-`` several hosts can share it through `domain`.
        domain: The hosts that it is sent to; None for the one that set it alone.
        path: The paths that it is sent to. No boundary: any page of the host can reach it.
        same_site: ``Lax`` is right for nearly all; ``None`` sends it from other sites' pages too.
        partitioned: A jar of its own under each top-level site (CHIPS). Turn it on or off only
            together with a new name: the old cookie would stay beside it.
        persistent: Whether it outlives the browser's session, by a Max-Age from the token.
        http_development: Drop Secure, for plain http on a developer's machine; never elsewhere.

    Raises:
        ConfigError: A combination that browsers would refuse or that would be unsafe.
    """

    name: str = "__Host-session"
    domain: str | None = None
    path: str = "/"
    same_site: SameSite = "Lax"
    partitioned: bool = False
    persistent: bool = True
    http_development: bool = False
    vary: ClassVar[bytes] = b"Cookie"  # the request header that the response depends on
    room: int = field(init=False, repr=False, compare=False)  # characters that a token can have
    _own_name: bytes = field(init=False, repr=False, compare=False)
    _values: Callable[[bytes], list[bytes]] = field(init=False, repr=False, compare=False)
    _attributes: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._check_switches()
        if not _matches(_TOKEN, self.name):
            raise ConfigError("a cookie's name is made of letters, digits and !#$%&'*+.^_`|~-")
        if self.same_site not in ("Lax", "Strict", "None"):
            raise ConfigError(f"same_site must be Lax, Strict or None, not {self.same_site!r}")
        if self.domain is not None and not _matches(_DOMAIN, self.domain):
            raise ConfigError(f"domain {self.domain!r} is no host name")
        if not _matches(_PATH, self.path):
            raise ConfigError(f"path {self.path!r} must begin with / and hold no ; or white space")
        prefix = _prefix(self.name)
        if self.http_development:
            self._check_development(prefix)
        if prefix in ("__host-", "__host-http-"):
            if self.domain is not None:
                raise ConfigError(
                    f"{self.name}: the prefix __Host- binds the cookie to one host, so browsers "
                    'refuse it with a domain; for several hosts name it "__Secure-..."'
                )
            if self.path != "/":
                raise ConfigError(f"{self.name}: the prefix __Host- needs path=/")
        attributes = (
            f"; Path={self.path}",
            "" if self.domain is None else f"; Domain={self.domain}",
            "" if self.http_development else "; Secure",
            "; HttpOnly",
            f"; SameSite={self.same_site}",
            "; Partitioned" if self.partitioned else "",
        )
        name = self.name.encode("ascii")
        pair = rb";[ \t]*" + re.escape(name) + rb"[ \t]*=([^;]*)"
        object.__setattr__(self, "_own_name", name)
        object.__setattr__(self, "room", MAX_COOKIE - len(self.name))
        object.__setattr__(self, "_values", re.compile(pair).findall)
        object.__setattr__(self, "_attributes", "".join(attributes))

    def _check_switches(self) -> None:
        # "false", as from an environment variable, would count as true.
        for name in ("partitioned", "persistent", "http_development"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise ConfigError(f"{name} must be True or False, not {type(value).__name__}")

    def _check_development(self, prefix: str) -> None:
        if prefix:
            raise ConfigError(
                f"{self.name}: browsers refuse this prefix on a cookie that is not Secure; over "
                'plain http use another name, such as Cookie(name="session", http_development=True)'
                " (browsers accept Secure cookies from http://localhost, so you may not need it)"
            )
        if self.partitioned or self.same_site == "None":
            raise ConfigError("partitioned and same_site=None need a Secure cookie, so https")

    @property
    def context(self) -> str:
        """The purpose of its tokens: the name without its prefix."""
        return self.name[len(_prefix(self.name)) :]

    def read(self, headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
        """Return the first values of this cookie in raw request headers, at most five.

        The name is compared byte for byte and the value is taken as it stands: frameworks strip
        Unicode white space from names, and unquote values, so that a cookie which a sibling
        subdomain may set could pass for a ``__Host-`` one.
        """
        lines: list[bytes] = []
        for name, line in headers:
            if name == b"cookie":
                lines.append(line)  # a comprehension costs a call
        if len(lines) == 1:
            line, own = lines[0], self._own_name
            at = line.find(own)
            if at < 0:
                return []
            ends = at + len(own)
            # As browsers write it, and nowhere else in the line.
            usual = line[ends : ends + 1] == b"=" and (not at or line[at - 2 : at] == b"; ")
            if usual and line.find(own, ends) < 0:
                return [line[ends + 1 :].partition(b";")[0].strip(b" \t")]
        values: list[bytes] = []
        for line in lines:
            values += self._values(b";" + line)
            if len(values) > MAX_CANDIDATES:
                break
        return [value.strip(b" \t") for value in values[: MAX_CANDIDATES + 1]]

    def write(self, token: str, max_age: int) -> tuple[bytes, bytes]:
        """Return the response header that sets the cookie.

        Raises:
            SessionTooLarge: More than browsers keep; they would go on sending the old one.
        """
        size = len(self.name) + len(token)
        if size > MAX_COOKIE:
            raise SessionTooLarge(
                f"the cookie {self.name} has {size} bytes (name and value); browsers keep "
                f"{MAX_COOKIE}, drop a larger one silently and go on sending the old one: "
                f"{TOO_LARGE}",
                size=size,
                limit=MAX_COOKIE,
            )
        lifetime = f"; Max-Age={min(max_age, MAX_AGE)}" if self.persistent else ""
        return b"set-cookie", f"{self.name}={token}{lifetime}{self._attributes}".encode("ascii")

    def delete(self) -> tuple[bytes, bytes]:
        """Return the response header that deletes the cookie: same name, domain and path."""
        expired = "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
        return b"set-cookie", f"{self.name}=; {expired}{self._attributes}".encode("ascii")

    def is_written(self, headers: Headers) -> bool:
        """Tell whether a response sets or deletes this very cookie already."""
        for name, value in headers:
            if name == b"set-cookie":
                line = value.decode("latin-1")
                if line.startswith(f"{self.name}=") and line.endswith(self._attributes):
                    return True
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Headers that carry the token of an API's client, which keeps it by itself.

    Attributes:
        request: The request header; ``Authorization`` holds it as a bearer token (RFC 6750), any
            other alone.
        response: The response header in which the client gets a new token; empty when the
            session has ended.
        context: The purpose of its tokens, ``header`` by default: they are refused in a cookie.

    Raises:
        ConfigError: Names that are no header names.
    """

    request: str = "Authorization"
    response: str = "Session-Token"
    context: str = HEADER_CONTEXT
    vary: bytes = field(init=False, repr=False, compare=False)  # as of a cookie
    room: ClassVar[int] = MAX_TOKEN

    def __post_init__(self) -> None:
        for name in (self.request, self.response):
            if not _matches(_TOKEN, name):
                raise ConfigError(f"{name!r} is no name of a header")
        object.__setattr__(self, "vary", self.request.encode("ascii"))

    def read(self, headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
        """Return the first tokens in raw request headers, at most five."""
        name = self.vary.lower()
        values = [value.strip(b" \t") for key, value in headers if key == name]
        if name == b"authorization":
            pairs = [value.partition(b" ") for value in values]
            values = [right.strip(b" \t") for left, _, right in pairs if left.lower() == b"bearer"]
        return values[: MAX_CANDIDATES + 1]

    def write(self, token: str, max_age: int) -> tuple[bytes, bytes]:  # noqa: ARG002  # in the token
        """Return the response header that gives the client its new token."""
        return self.response.lower().encode("ascii"), token.encode("ascii")

    def delete(self) -> tuple[bytes, bytes]:
        """Return the response header that tells the client to drop its token."""
        return self.response.lower().encode("ascii"), b""

    def is_written(self, headers: Headers) -> bool:
        """Tell whether a response has this header already."""
        field = self.response.lower().encode("ascii")
        return any(name == field for name, _ in headers)


def _matches(pattern: re.Pattern[str], text: object) -> bool:
    return isinstance(text, str) and pattern.fullmatch(text) is not None


def _prefix(name: str) -> str:
    lower = name.lower()  # browsers compare prefixes without case
    return next((prefix for prefix in _PREFIXES if lower.startswith(prefix)), "")
