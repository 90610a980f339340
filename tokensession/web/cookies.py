"""How a token travels: in a cookie, or in an API's headers. Text only; `manager` decides.

Rules: RFC 6265 and its revision (draft-ietf-httpbis-rfc6265bis) for cookies and their prefixes,
RFC 6750 for bearer tokens, RFC 9110 and 9111 for Vary and Cache-Control.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from tokensession.errors import ConfigError, SessionTooLarge
from tokensession.format.core_values import check_switch
from tokensession.tokens.limits import MAX_TOKEN, TOO_LARGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_COOKIE: Final = (
    4096  # bytes of name and value; browsers drop larger cookies and keep the OLD one
)
MAX_AGE: Final = 400 * 86400  # seconds; browsers limit a cookie's lifetime to it
MAX_CANDIDATES: Final = 4  # values of one name to examine; limits the cost of hostile requests

HEADER_CONTEXT: Final = (
    "header"  # so that an API client's token is not accepted as a browser's cookie
)

SameSite = Literal["Lax", "Strict", "None"]
Headers = list[tuple[bytes, bytes]]  # in the form of ASGI: ordered, with names in lower case

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110; RFC 6265 requires it of names
_DOMAIN = re.compile(r"\.?[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_PATH = re.compile(r"/[\x21-\x3a\x3c-\x7e]{0,1023}")
_PREFIXES = ("__host-http-", "__http-", "__host-", "__secure-")  # the longest first


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """The cookie that carries the token. The defaults are as safe as browsers allow.

    Attributes:
        name: The cookie's name. With the prefix ``__Host-``, browsers require Secure, ``Path=/``
            and this host alone. With ``__Secure-``, several hosts can share the cookie through
            `domain`.
        domain: The hosts that receive the cookie; None for only the host that set it.
        path: The paths that receive the cookie. This is no security boundary: any page of the host
            can read it.
        same_site: ``Lax`` suits most applications; ``None`` also sends the cookie from other sites'
            pages.
        partitioned: Use a separate jar under each top-level site (CHIPS). Change the name together
            with this option, or the old cookie stays beside the new one.
        persistent: Whether the cookie survives the browser's session, by a Max-Age from the token.
        http_development: Omit Secure, for plain http on a developer's machine only.

    Raises:
        ConfigError: Browsers would refuse the combination, or it would be unsafe.
    """

    name: str = "__Host-session"
    domain: str | None = None
    path: str = "/"
    same_site: SameSite = "Lax"
    partitioned: bool = False
    persistent: bool = True
    http_development: bool = False
    vary: ClassVar[bytes] = b"Cookie"  # the request header that the response depends on
    room: int = field(
        init=False, repr=False, compare=False
    )  # the longest possible token, in characters
    _own_name: bytes = field(init=False, repr=False, compare=False)
    _values: Callable[[bytes], list[bytes]] = field(init=False, repr=False, compare=False)
    _attributes: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._check_switches()
        if not _matches(_TOKEN, self.name):
            raise ConfigError("invalid cookie name: use letters, digits and !#$%&'*+.^_`|~-")
        if self.same_site not in ("Lax", "Strict", "None"):
            raise ConfigError(f"same_site must be Lax, Strict or None, not {self.same_site!r}")
        if self.domain is not None and not _matches(_DOMAIN, self.domain):
            raise ConfigError(f"domain {self.domain!r} is not a host name")
        if not _matches(_PATH, self.path):
            raise ConfigError(
                f"path {self.path!r} must begin with / and contain no ; or white space"
            )
        prefix = _prefix(self.name)
        if self.http_development:
            self._check_development(prefix)
        if prefix in ("__host-", "__host-http-"):
            if self.domain is not None:
                raise ConfigError(
                    f"{self.name}: browsers refuse the prefix __Host- with a domain: "
                    'rename the cookie to "__Secure-..." to share it between hosts'
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
        for name in ("partitioned", "persistent", "http_development"):
            check_switch(name, getattr(self, name))

    def _check_development(self, prefix: str) -> None:
        if prefix:
            raise ConfigError(
                f"{self.name}: browsers refuse this prefix without Secure: over plain http use "
                'another name, such as Cookie(name="session", http_development=True)'
                " (http://localhost does not need this: browsers accept Secure cookies from it)"
            )
        if self.partitioned or self.same_site == "None":
            raise ConfigError("partitioned and same_site=None need a Secure cookie: use https")

    @property
    def context(self) -> str:
        """The context of the cookie's tokens: the name without its prefix."""
        return self.name[len(_prefix(self.name)) :]

    def read(self, headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
        """Return the first values of this cookie in raw request headers, at most five.

        The name is compared byte for byte and the value is not decoded. Frameworks strip Unicode
        white space from names and unquote values. A sibling subdomain could set such a cookie, and
        it would pass for a ``__Host-`` cookie.
        """
        lines: list[bytes] = []
        for name, line in headers:
            if name == b"cookie":
                lines.append(line)  # a comprehension would cost a call
        if len(lines) == 1:
            line, own = lines[0], self._own_name
            at = line.find(own)
            if at < 0:
                return []
            ends = at + len(own)
            # Written as browsers do, and only once in the line.
            usual = line[ends : ends + 1] == b"=" and (not at or line[at - 2 : at] == b"; ")
            if usual and line.find(own, ends) < 0:
                return [line[ends + 1 :].partition(b";")[0].strip(b" \t")]
        elif not lines:
            _check_raw(headers, b"cookie")
        values: list[bytes] = []
        for line in lines:
            values += self._values(b";" + line)
            if len(values) > MAX_CANDIDATES:
                break
        return [value.strip(b" \t") for value in values[: MAX_CANDIDATES + 1]]

    def write(self, token: str, max_age: int) -> tuple[bytes, bytes]:
        """Return the response header that sets the cookie.

        Raises:
            SessionTooLarge: The cookie is too large: browsers would keep the old one.
        """
        size = len(self.name) + len(token)
        if size > MAX_COOKIE:
            raise SessionTooLarge(
                f"the cookie {self.name} has {size} bytes (name and value), but browsers keep at "
                f"most {MAX_COOKIE} and would go on sending the old cookie: {TOO_LARGE}",
                size=size,
                limit=MAX_COOKIE,
            )
        lifetime = f"; Max-Age={min(max_age, MAX_AGE)}" if self.persistent else ""
        return b"set-cookie", f"{self.name}={token}{lifetime}{self._attributes}".encode("ascii")

    def delete(self) -> tuple[bytes, bytes]:
        """Return the response header that deletes the cookie, with its name, domain and path."""
        expired = "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
        return b"set-cookie", f"{self.name}=; {expired}{self._attributes}".encode("ascii")

    def is_written(self, headers: Headers) -> bool:
        """Tell whether a response sets or deletes this cookie already."""
        for name, value in headers:
            if name == b"set-cookie":
                line = value.decode("latin-1")
                if line.startswith(f"{self.name}=") and line.endswith(self._attributes):
                    return True
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The headers that carry an API client's token, which the client stores itself.

    Attributes:
        request: The request header. ``Authorization`` contains the token as a bearer token (RFC
            6750), other headers contain it alone.
        response: The response header with the client's new token; empty when the session has ended.
        context: The context of the tokens, by default ``header``. A cookie with such a token is
            refused.

    Raises:
        ConfigError: A header name is invalid.
    """

    request: str = "Authorization"
    response: str = "Session-Token"
    context: str = HEADER_CONTEXT
    vary: bytes = field(init=False, repr=False, compare=False)  # as in Cookie
    room: ClassVar[int] = MAX_TOKEN

    def __post_init__(self) -> None:
        for name in (self.request, self.response):
            if not _matches(_TOKEN, name):
                raise ConfigError(f"{name!r} is not a valid header name")
            if name.lower() in ("cookie", "set-cookie"):
                raise ConfigError(f"{name} is for cookies: use Cookie in place of Header")
        object.__setattr__(self, "vary", self.request.encode("ascii"))

    def read(self, headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
        """Return the first tokens in raw request headers, at most five."""
        name = self.vary.lower()
        values = [value.strip(b" \t") for key, value in headers if key == name]
        if not values:
            _check_raw(headers, name)
        if name == b"authorization":
            pairs = [value.partition(b" ") for value in values]
            values = [right.strip(b" \t") for left, _, right in pairs if left.lower() == b"bearer"]
        return values[: MAX_CANDIDATES + 1]

    def write(self, token: str, max_age: int) -> tuple[bytes, bytes]:  # noqa: ARG002  # the token contains it
        """Return the response header that gives the client its new token."""
        return self.response.lower().encode("ascii"), token.encode("ascii")

    def delete(self) -> tuple[bytes, bytes]:
        """Return the response header that tells the client to drop its token."""
        return self.response.lower().encode("ascii"), b""

    def is_written(self, headers: Headers) -> bool:
        """Tell whether a response has this header already."""
        field = self.response.lower().encode("ascii")
        return any(name == field for name, _ in headers)


def _check_raw(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> None:
    """Refuse headers among which a cookie or token would be overlooked.

    Raises:
        ConfigError: The wanted name is there as text or with capital letters.
    """
    size = len(wanted)
    for name, _ in headers:
        if len(name) == size and (isinstance(name, str) or name.lower() == wanted != name):
            raise ConfigError(
                "headers must be raw: a list of names and values in bytes, with names in lower "
                'case, such as [(b"cookie", b"...")]'
            )


def _matches(pattern: re.Pattern[str], text: object) -> bool:
    return isinstance(text, str) and pattern.fullmatch(text) is not None


def _prefix(name: str) -> str:
    lower = name.lower()  # browsers ignore case in prefixes
    return next((prefix for prefix in _PREFIXES if lower.startswith(prefix)), "")
