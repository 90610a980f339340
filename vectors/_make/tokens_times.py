"""Tokens at the edges of their time, and states that do not fit a type."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .claims_model import IAT, MAX_SAFE, MAX_UINT32, Claims
from .msgpack import mapping
from .rings import HS
from .token_cases import LEEWAY, NOW, Reading, accepted, draft, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .msgpack import Value
    from .vectorfile import Case

TEN_MINUTES = 600
HOUR = 3600
DAY = 86400


def times() -> Iterator[Case]:
    """Give the cases of R8 and R10."""
    yield from _futures()
    yield from _expiries()
    yield from _limits()
    yield from _types()
    yield from _references()


def _read(slug: str, comment: str, content: Claims, reading: Reading) -> Case:
    return accepted(slug, "R8", comment, content, draft(HS, slug, content), reading)


def _refused(slug: str, expect: str, comment: str, content: Claims, reading: Reading) -> Case:
    return refused(slug, "R8", expect, comment, draft(HS, slug, content), reading)


def _futures() -> Iterator[Case]:
    ahead = Claims(iat=NOW + LEEWAY)
    yield _read("iat-at-leeway", "iat is now + leeway.", ahead, Reading())
    yield _refused(
        "iat-past-leeway",
        "not_yet_valid",
        "iat is a second past now + leeway.",
        replace(ahead, iat=ahead.iat + 1),
        Reading(),
    )
    yield _refused(
        "iat-past-leeway-fraction",
        "not_yet_valid",
        "now is floored: a fraction of a second does not help.",
        replace(ahead, iat=ahead.iat + 1),
        Reading(now=NOW + 0.75),
    )
    policy = Reading(leeway=0, absolute_timeout=DAY)
    yield _refused(
        "iat-without-leeway",
        "not_yet_valid",
        "No leeway, and iat is now + 1.",
        Claims(iat=NOW + 1),
        policy,
    )
    yield _refused(
        "iat-past-longer-leeway",
        "not_yet_valid",
        "A leeway of 300 s, and iat is now + 301.",
        Claims(iat=NOW + 301),
        replace(policy, leeway=300),
    )
    yield _refused(
        "iat-greatest",
        "not_yet_valid",
        "The greatest iat, with the greatest ttl.",
        Claims(iat=MAX_SAFE, ttl=MAX_UINT32),
        Reading(),
    )
    yield _refused(
        "iat-far-old-session",
        "not_yet_valid",
        "The session began in the past, but the token is from the future.",
        Claims(iat=NOW + LEEWAY + 1, age=1000),
        Reading(),
    )


def _expiries() -> Iterator[Case]:
    yield _read(
        "ttl-last-second",
        "now is iat + ttl - 1; the fraction is cut.",
        Claims(),
        Reading(now=IAT + HOUR - 0.25),
    )
    for slug, comment, content, now, leeway in (
        ("ttl-over", "now is iat + ttl; leeway does not help.", Claims(), IAT + HOUR, LEEWAY),
        ("ttl-long-over", "A day later.", Claims(), IAT + DAY, LEEWAY),
        ("ttl-over-longer-leeway", "now is iat + ttl and leeway ten minutes.", Claims(),
         IAT + HOUR, TEN_MINUTES),
        ("ttl-one-over", "A ttl of 1 s is over after one.", Claims(ttl=1), IAT + 1, LEEWAY),
        ("ttl-greatest-over", "iat 0 and the greatest ttl, which is over.",
         Claims(iat=0, ttl=MAX_UINT32), MAX_UINT32, LEEWAY),
        ("ttl-over-with-cap", "A longer cap does not lengthen the ttl.", Claims(cap=DAY),
         IAT + HOUR, LEEWAY),
    ):  # fmt: skip
        policy = None if leeway == LEEWAY else DAY
        yield _refused(
            slug,
            "expired",
            comment,
            content,
            Reading(now=now, leeway=leeway, absolute_timeout=policy),
        )
    yield _read(
        "ttl-greatest",
        "iat 0 and the greatest ttl, in its last second; age 0.",
        Claims(iat=0, ttl=MAX_UINT32),
        Reading(now=MAX_UINT32 - 1),
    )
    yield _read(
        "age-is-iat", "A session that began at 0, without any limit.", Claims(age=IAT), Reading()
    )


def _limits() -> Iterator[Case]:
    """Give both sides of each limit: the last second and the first one after it."""
    old = Claims(age=DAY - 200)
    remembered = replace(old, cap=DAY)
    month = replace(old, cap=30 * DAY, age=7 * DAY - 200)
    for slug, told, content, reading in (
        ("absolute", "the absolute timeout", old, Reading(absolute_timeout=DAY)),
        ("cap-alone", "a cap, no policy", remembered, Reading()),
        ("cap-below-absolute", "a cap below the absolute timeout", remembered,
         Reading(absolute_timeout=7 * DAY)),
        ("cap-up-to-longest", "a cap above the absolute timeout and below longest",
         replace(old, cap=3 * DAY, age=3 * DAY - 200),
         Reading(absolute_timeout=DAY, longest=7 * DAY)),
        ("longest", "longest, which is below the cap", month,
         Reading(absolute_timeout=DAY, longest=7 * DAY)),
        ("longest-by-default", "a cap cut to the absolute timeout, longest not given",
         replace(old, cap=7 * DAY), Reading(absolute_timeout=DAY)),
    ):  # fmt: skip
        last = IAT + 199
        yield _read(
            f"limit-{slug}-last-second",
            f"The limit is {told}; its last second.",
            content,
            replace(reading, now=last),
        )
        yield _refused(
            f"limit-{slug}-over",
            "expired",
            f"The limit is {told}; now it is over.",
            content,
            replace(reading, now=last + 1),
        )
    yield _refused(
        "limit-in-the-past",
        "expired",
        "The limit had passed when the token was made.",
        replace(old, age=2 * DAY),
        Reading(absolute_timeout=DAY),
    )
    yield _refused(
        "limit-longer-leeway",
        "expired",
        "Leeway does not lengthen the limit.",
        old,
        Reading(now=IAT + 200, leeway=TEN_MINUTES, absolute_timeout=DAY),
    )
    yield _refused(
        "limit-age-is-iat",
        "expired",
        "A session that began at 0, and a limit.",
        Claims(age=IAT),
        Reading(absolute_timeout=DAY),
    )
    yield _refused(
        "limit-cap-one",
        "expired",
        "A cap of 1 s is over after one.",
        Claims(cap=1),
        Reading(now=IAT + 1),
    )


def _types() -> Iterator[Case]:
    fields = {"admin": "bool", "name": "str", "token": "bin", "user_id": "int"}
    fitting: dict[str, Value] = {
        "admin": False, "name": "Zo\u00eb", "token": b"\x01\x02", "user_id": 42,
    }  # fmt: skip
    reading = Reading(fields=fields)
    typed = Claims(state=fitting)
    yield accepted(
        "type-fits",
        "R10",
        "Every member that the type asks for.",
        typed,
        draft(HS, "type-fits", typed),
        reading,
    )
    more = Claims(state={**fitting, "zone": [1, 2]})
    yield accepted(
        "type-fits-with-more",
        "R10",
        "A member that the type does not know.",
        more,
        draft(HS, "type-fits-with-more", more),
        reading,
    )
    repeated = [*fitting.items(), ("user_id", "42")]
    yield accepted(
        "type-fits-at-last",
        "R10",
        "Of two equal keys the last has the type's value, and the first has not.",
        typed,
        draft(
            HS, "type-fits-at-last", Claims(state=mapping([("user_id", "42"), *fitting.items()]))
        ),
        reading,
    )
    others: list[tuple[str, str, Value]] = [
        ("fits-at-first", "Of two equal keys the last is a text.", mapping(repeated)),
        ("nil", "A state of nil where a map is asked for.", None),
        ("array", "An array where a map is asked for.", [42]),
        ("text", "A text where a map is asked for.", "user_id"),
        ("empty", "A map without any of the members.", {}),
    ]
    for name, wrong in (
        ("user_id", "42"),
        ("user_id", True),
        ("user_id", None),
        ("user_id", 42.5),
        ("admin", 1),
        ("admin", "true"),
        ("name", b"Zo"),
        ("name", 7),
        ("name", ["Zo"]),
        ("token", "text"),
        ("token", [1, 2]),
    ):
        kind = {"NoneType": "nil", "list": "array", "bytes": "bin"}.get(
            type(wrong).__name__, type(wrong).__name__
        )
        others.append(
            (
                f"{name.replace('_', '-')}-{kind}",
                f"The member {name} is of type {kind}.",
                {**fitting, name: wrong},
            )
        )
    for name in fields:
        rest = {key: value for key, value in fitting.items() if key != name}
        others.append((f"without-{name.replace('_', '-')}", f"No member {name}.", rest))
    for part, comment, state in others:
        slug = f"type-{part}"
        yield refused(
            slug, "R10", "bad_state", comment, draft(HS, slug, Claims(state=state)), reading
        )


def _references() -> Iterator[Case]:
    """Give states that only refer to one elsewhere, for a reader without a store."""
    reserved = "tokensession/overflow"
    whole = b"\x01" + bytes(range(64))
    fields = Reading(fields={"user_id": "int"})
    refusals: list[tuple[str, str, Value, Reading]] = [
        ("whole", "A reference of the right form.", {reserved: whole}, Reading()),
        ("nil", "The reserved key with nil.", {reserved: None}, Reading()),
        ("beside", "The reserved key beside a member.", {reserved: whole, "user_id": 42},
         Reading()),
        ("typed", "The same where the type asks for that member.",
         {reserved: whole, "user_id": 42}, fields),
    ]  # fmt: skip
    for part, comment, state, reading in refusals:
        slug = f"reference-{part}"
        yield refused(
            slug, "R10", "bad_state", comment, draft(HS, slug, Claims(state=state)), reading
        )
    slug = "reference-expired"
    past = Reading(now=IAT + HOUR)
    made = draft(HS, slug, Claims(state={reserved: whole}))
    yield refused(slug, "R10", "expired", "A reference in an expired token.", made, past)
    readable: list[tuple[str, str, Value]] = [
        ("deeper", "The reserved key below the outermost map.", {"cart": {reserved: whole}}),
        ("in-array", "The reserved key in a map of an array.", [{reserved: whole}]),
        ("text", "The reserved key as a text.", reserved),
        ("longer-key", "A longer key.", {reserved + "s": whole}),
    ]
    for part, comment, state in readable:
        slug = f"reference-{part}"
        content = Claims(state=state)
        yield accepted(slug, "R10", comment, content, draft(HS, slug, content))
