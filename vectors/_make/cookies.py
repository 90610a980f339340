"""cookies.json: which session the cookies of a request carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .claims_model import IAT, Claims
from .draft import Draft
from .material import document, seeded
from .rings import HS
from .token_cases import NOW
from .vectorfile import Case, vector_file

if TYPE_CHECKING:
    from .msgpack import Json

NAME = "__Host-session"


def _token(label: str, context: str = "session", ttl: int = 3600) -> tuple[str, str]:
    """Give a token and its session id."""
    claims = Claims(sid=seeded(f"sid/cookies/{label}", 16), ttl=ttl, iat=IAT)
    draft = Draft(key=HS, plaintext=claims.pack(), label=f"cookies/{label}", context=context)
    return draft.text(), claims.sid.hex()


GOOD, SID = _token("good")
OTHER, _ = _token("other")
EXPIRED, _ = _token("expired", ttl=100)
SHOP, SHOP_SID = _token("elsewhere", "shop")


def cookies() -> dict[str, Json]:
    """Give the content of cookies.json."""
    comment = (
        "The lines of a request's Cookie header, each character a byte, and the name of a cookie:"
        " the session id of the token that it carries, none, or why there is no session."
    )
    cases = [*_lines(), *_names(), *_values(), *_several()]
    return vector_file("cookies", comment, cases, {"document": document(HS.jwks())})


def _case(
    slug: str,
    rule: str,
    comment: str,
    headers: list[str] | str,
    expect: str,
    *,
    name: str = NAME,
) -> Case:
    """Give a case; what is expected is a word, or a session id for ok."""
    found = len(expect) == len(SID)
    return {
        "id": f"cookies/{slug}",
        "rule": rule,
        "comment": comment,
        "headers": [headers] if isinstance(headers, str) else headers,
        "name": name,
        "now": NOW,
        "expect": "ok" if found else expect,
        **({"sid": expect} if found else {}),
    }


def _lines() -> list[Case]:
    pair = f"{NAME}={GOOD}"
    return [
        _case("alone", "H1", "The cookie alone.", pair, SID),
        _case("no-line", "H1", "No Cookie header.", [], "none"),
        _case("empty-line", "H1", "An empty line.", "", "none"),
        _case("others", "H1", "Others before and after it.", f"a=b; {pair}; c=d", SID),
        _case("no-space", "H1", "No space after a semicolon.", f"a=b;{pair};c=d", SID),
        _case("empty-parts", "H1", "Empty parts.", f";; ;{pair};;", SID),
        _case("two-lines", "H1", "Two lines.", ["a=b", pair], SID),
        _case("two-lines-first", "H1", "The first of two lines.", [pair, "a=b"], SID),
        _case("two-lines-values", "H1", "A value in each of two lines.", [f"{NAME}=1", pair], SID),
        _case("two-lines-good", "H1", "A good value in each of two lines.",
              [pair, f"{NAME}={OTHER}"], "malformed"),
        _case("line-ends-within", "H1", "A line ends within a token, where a part ends then.",
              [pair[:-9], pair[-9:]], "malformed"),
        _case("comma", "H1", "A comma ends no part.", f"a=b, {pair}", "none"),
        _case("comma-after", "H1", "Nor does one behind a value.", f"{pair}, a=b", "malformed"),
        _case("line-feed", "H1", "Nor does a line feed.", f"a=b\n{pair}", "none"),
    ]  # fmt: skip


def _names() -> list[Case]:
    stripped: list[tuple[str, str, str]] = [
        ("space-before", "Spaces before the name.", f"   {NAME}={GOOD}"),
        ("space-after", "Spaces after the name.", f"{NAME}  ={GOOD}"),
        ("tabs", "Tabs on all sides.", f"\t{NAME}\t=\t{GOOD}\t"),
        ("spaces-and-tabs", "Both.", f"a=b; \t {NAME} \t = \t {GOOD} \t ;c"),
    ]
    others: list[tuple[str, str, str]] = [
        ("case", "Another case.", "__host-session"),
        ("longer", "A longer name.", NAME + "s"),
        ("behind-more", "More before the name.", "x" + NAME),
        ("without-prefix", "The name without its prefix.", "session"),
        ("no-break-space", "A space that is no ASCII.", "\u00a0" + NAME),
        ("vertical-tab", "White space beside space and tab.", "\x0b" + NAME),
        ("form-feed", "The same behind it.", NAME + "\x0c"),
        ("quoted", "A name in quotes.", f'"{NAME}"'),
        ("percent", "A name with an escape.", "__Host-sess%69on"),
        ("underline-escaped", "A prefix with an escape.", "%5F_Host-session"),
    ]
    contexts: list[tuple[str, str, str]] = [
        ("host", "__Host-", "__Host-shop"),
        ("secure", "__Secure-", "__Secure-shop"),
        ("http", "__Http-", "__Http-shop"),
        ("host-http", "__Host-Http-", "__Host-Http-shop"),
        ("prefix-case", "__SECURE-, in any case,", "__SECURE-shop"),
        ("no-prefix", "Nothing", "shop"),
    ]
    return [
        *(_case(f"name-{slug}", "H2", comment, line, SID) for slug, comment, line in stripped),
        *(
            _case(f"name-{slug}", "H2", f"{comment} It is another cookie.",
                  f"{name}={GOOD}", "none")
            for slug, comment, name in others
        ),
        _case("name-alone", "H2", "A part without an equals sign.", NAME, "none"),
        *(
            _case(f"context-{slug}", "H2", f"{prefix} is not part of the context.",
                  f"{name}={SHOP}", SHOP_SID, name=name)
            for slug, prefix, name in contexts
        ),
        _case("context-one-prefix", "H2", "One prefix is taken away, not two.",
              f"__Secure-__Host-shop={SHOP}", "bad_signature", name="__Secure-__Host-shop"),
        _case("context-within", "H2", "A prefix stands at the beginning.",
              f"shop__Host-={SHOP}", "bad_signature", name="shop__Host-"),
    ]  # fmt: skip


def _values() -> list[Case]:
    header, payload, signature = GOOD.split(".")
    flipped = payload[:-1] + ("A" if payload[-1] != "A" else "Q")
    cases: list[tuple[str, str, str, str]] = [
        ("empty", "No characters.", "", "malformed"),
        ("quoted", "Quotes are part of the value.", f'"{GOOD}"', "unknown_key"),
        ("percent", "So are escapes.", GOOD.replace(".", "%2E"), "malformed"),
        ("equals", "So is a further equals sign.", GOOD + "=", "malformed"),
        ("equals-first", "The same before it.", "=" + GOOD, "unknown_key"),
        ("inner-space", "So is a space within.", f"{header}. {payload}.{signature}", "malformed"),
        ("no-break-space", "So is a space that is no ASCII.", GOOD + "\u00a0", "malformed"),
        ("vertical-tab", "So is white space beside space and tab.", GOOD + "\x0b", "malformed"),
        ("expired", "An expired token.", EXPIRED, "expired"),
        ("elsewhere", "A token of another context.", SHOP, "bad_signature"),
        (
            "altered",
            "A token that was altered.",
            f"{header}.{flipped}.{signature}",
            "bad_signature",
        ),
    ]
    return [
        _case(f"value-{slug}", "H3", comment, f"{NAME}={value}", expect)
        for slug, comment, value, expect in cases
    ]


def _several() -> list[Case]:
    cases: list[tuple[str, str, list[str], str]] = [
        ("first", "The good one comes first.", [GOOD, "planted"], SID),
        ("last", "The good one comes last.", ["planted", GOOD], SID),
        ("empty", "One without characters.", ["", GOOD], SID),
        ("expired", "One that has expired.", [EXPIRED, GOOD], SID),
        ("elsewhere", "One of another context.", [GOOD, SHOP], SID),
        ("four", "Four values, of which one is good.", ["1", EXPIRED, OTHER + "x", GOOD], SID),
        ("equal", "Equal values are two, and both are good.", [GOOD, GOOD], "malformed"),
        ("equal-beside-bad", "The same beside a bad one.", [GOOD, "1", GOOD], "malformed"),
        ("both-good", "Two sessions.", [GOOD, OTHER], "malformed"),
        ("none-good", "None is good.", ["1", "2"], "malformed"),
        ("none-good-expired", "None is good, for one reason.", [EXPIRED, EXPIRED], "malformed"),
        ("five", "Five values, of which the first is good.", [GOOD, "1", "2", "3", "4"],
         "malformed"),
        ("five-last", "The fifth is good.", ["1", "2", "3", "4", GOOD], "malformed"),
        ("five-bad", "Five values, and none is good.", ["1", "2", "3", "4", "5"], "malformed"),
        ("five-equal", "Five equal values.", [GOOD] * 5, "malformed"),
    ]  # fmt: skip
    return [
        _case(f"several-{slug}", "H4", comment,
              "; ".join(f"{NAME}={value}" for value in values), expect)
        for slug, comment, values, expect in cases
    ]  # fmt: skip
