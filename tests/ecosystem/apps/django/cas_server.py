"""A CAS server with one user, ada, who needs no password."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urljoin
from urllib.request import urlopen
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

VALID = """<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas"><cas:authenticationSuccess>
<cas:user>ada</cas:user><cas:attributes><cas:team>engines</cas:team></cas:attributes>
{granting}</cas:authenticationSuccess></cas:serviceResponse>"""
GRANTING = "<cas:proxyGrantingTicket>{0}</cas:proxyGrantingTicket>"
LOGOUT = """<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="1"
Version="2.0"><samlp:SessionIndex>{0}</samlp:SessionIndex></samlp:LogoutRequest>"""
services: dict[str, str] = {}  # by the tickets that were given for them
used: list[str] = []


def validate(query: dict[str, str]) -> str:
    """Tell whose a ticket is, and give the service a ticket for proxies beforehand."""
    assert services[query["ticket"]] == query["service"]
    used.append(query["ticket"])
    granting = ""
    if "pgtUrl" in query:
        owed = secrets.token_hex()
        given = urlencode({"pgtId": f"PGT-{secrets.token_hex()}", "pgtIou": owed})
        with urlopen(f"{urljoin(query['service'], query['pgtUrl'])}?{given}"):  # noqa: S310
            granting = GRANTING.format(owed)
    return VALID.format(granting=granting)


def end_everywhere() -> str:
    """Tell each service that its session has ended: the single log-out."""
    for ticket in used:
        asking = urlencode({"logoutRequest": LOGOUT.format(escape(ticket))}).encode()
        with urlopen(services[ticket], asking):  # noqa: S310
            pass
    used.clear()
    return "signed out"


def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request."""
    path, query = environ["PATH_INFO"], dict(parse_qsl(environ["QUERY_STRING"]))
    if path == "/login":
        ticket = f"ST-{secrets.token_hex()}"
        services[ticket] = query["service"]
        separator = "&" if "?" in query["service"] else "?"
        start("302 Found", [("Location", f"{query['service']}{separator}ticket={ticket}")])
        return []
    start("200 OK", [("Content-Type", "text/xml")])
    return [(validate(query) if path.endswith("serviceValidate") else end_everywhere()).encode()]
