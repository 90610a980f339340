"""lifetimes.json: when a token dies, and the dates of new and of renewed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .claims_model import IAT, MAX_UINT32, Claims
from .rings import HS
from .token_cases import draft
from .vectorfile import Case, vector_file

if TYPE_CHECKING:
    from .msgpack import Json

HOUR, DAY = 3600, 86400
NO_POLICY: dict[str, Json] = {"absolute_timeout": None, "longest": None}


def lifetimes() -> dict[str, Json]:
    """Give the content of lifetimes.json."""
    comment = (
        "Dates of tokens: read, the second at which one dies; new and renew, the dates in the"
        " claims of the token that a writer makes at now with the key, under a policy and the"
        " ring's token_lifetime. given are the dates of the token that is read or renewed."
    )
    cases = [*_read(), *_new(), *_renewed()]
    return vector_file("lifetimes", comment, cases, {"key": HS.jwks()[0]})


def _dates(ttl: int, age: int = 0, cap: int | None = None, iat: int = IAT) -> dict[str, Json]:
    return {"iat": iat, "ttl": ttl, "age": age, "cap": cap}


def _policy(absolute: int | None, longest: int | None = None) -> dict[str, Json]:
    return {"absolute_timeout": absolute, "longest": longest}


def _token(given: dict[str, Json], auth: int | None) -> str:
    """Give the token of these dates."""
    dates: dict[str, int] = {name: value for name, value in given.items() if isinstance(value, int)}
    return draft(HS, "lifetimes", Claims(**dates, auth=auth)).text()  # type: ignore[arg-type]  # only dates


def _read() -> list[Case]:
    cases: list[tuple[str, str, dict[str, Json], dict[str, Json], int]] = [
        ("ttl", "Nothing but the ttl ends it.", _dates(HOUR), NO_POLICY, IAT + HOUR),
        ("ttl-first", "The ttl ends before the absolute timeout.", _dates(HOUR), _policy(DAY),
         IAT + HOUR),
        ("limit-first", "The absolute timeout ends before the ttl.", _dates(HOUR, DAY - 100),
         _policy(DAY), IAT + 100),
        ("both", "Both end in one second.", _dates(HOUR, DAY - HOUR), _policy(DAY), IAT + HOUR),
        ("cap", "The cap ends first.", _dates(HOUR, 50, 150), NO_POLICY, IAT + 100),
        ("cap-within-policy", "The cap is below the absolute timeout.", _dates(HOUR, 50, 150),
         _policy(DAY), IAT + 100),
        ("longest", "The cap is cut to longest.", _dates(HOUR, 50, 3 * DAY), _policy(100, 120),
         IAT + 70),
        ("longest-by-default", "The cap is cut to the absolute timeout.", _dates(HOUR, 50, DAY),
         _policy(100), IAT + 50),
        ("longest-equal", "longest may be the absolute timeout.", _dates(HOUR, 50, DAY),
         _policy(100, 100), IAT + 50),
        ("longest-without-cap", "Without a cap longest counts for nothing.", _dates(HOUR, 50),
         _policy(100, 120), IAT + 50),
        ("greatest", "The greatest ttl and cap.", _dates(MAX_UINT32, 0, MAX_UINT32), NO_POLICY,
         IAT + MAX_UINT32),
    ]  # fmt: skip
    read: list[Case] = [
        _case(slug, "T1", comment, "read", given, policy, IAT, {"dies_at": dies_at})
        for slug, comment, given, policy, dies_at in cases
    ]
    for slug, comment, policy in (
        ("longest-alone", "longest without an absolute timeout.", _policy(None, DAY)),
        ("longest-below", "longest below the absolute timeout.", _policy(DAY, DAY - 1)),
    ):
        read.append(_case(slug, "T1", comment, "read", _dates(HOUR), policy, IAT))
    return read


def _new() -> list[Case]:
    def new(
        slug: str,
        comment: str,
        idle: int,
        policy: dict[str, Json],
        ttl: int | None,
        *,
        cap: int | None = None,
        lifetime: int | None = None,
    ) -> Case:
        given: dict[str, Json] = {"idle_window": idle, "cap": cap}
        claims: dict[str, Json] | None = None
        if ttl is not None:
            claims = {"claims": _dates(ttl, 0, cap)}
        return _case(f"new-{slug}", "T2", comment, "new", given, policy, IAT, claims, lifetime)

    return [
        new("idle", "Its idle window, without a limit.", HOUR, NO_POLICY, HOUR),
        new("within-limit", "Its idle window, which is below the limit.", HOUR, _policy(DAY), HOUR),
        new("at-limit", "An idle window that is the limit.", HOUR, _policy(HOUR), HOUR),
        new("cap", "The cap, which is below the idle window.", HOUR, NO_POLICY, 600, cap=600),
        new("cap-above", "A cap above the idle window.", HOUR, NO_POLICY, HOUR, cap=HOUR + 1),
        new("cap-of-policy", "A cap below the absolute timeout.", HOUR, _policy(DAY), 60, cap=60),
        new("cap-up-to-longest", "A cap that is longest.", HOUR, _policy(HOUR, DAY), HOUR, cap=DAY),
        new("lifetime", "An idle window that is the token_lifetime.", HOUR, NO_POLICY, HOUR,
            lifetime=HOUR),
        new("greatest", "The greatest idle window.", MAX_UINT32, NO_POLICY, MAX_UINT32),
        new("one", "The smallest.", 1, NO_POLICY, 1),
        new("above-lifetime", "An idle window above the token_lifetime.", HOUR, NO_POLICY, None,
            lifetime=HOUR - 1),
        new("cap-above-longest", "A cap above longest.", HOUR, _policy(HOUR, DAY), None,
            cap=DAY + 1),
        new("cap-above-absolute", "A cap above the absolute timeout, without longest.", HOUR,
            _policy(DAY), None, cap=DAY + 1),
        new("idle-zero", "An idle window of 0 s.", 0, NO_POLICY, None),
        new("idle-too-great", "An idle window of 2^32 s.", MAX_UINT32 + 1, NO_POLICY, None),
        new("cap-one", "The smallest cap.", HOUR, NO_POLICY, 1, cap=1),
        new("cap-greatest", "The greatest.", HOUR, NO_POLICY, HOUR, cap=MAX_UINT32),
        new("cap-zero", "A cap of 0 s.", HOUR, NO_POLICY, None, cap=0),
        new("cap-too-great", "A cap of 2^32 s.", HOUR, NO_POLICY, None, cap=MAX_UINT32 + 1),
    ]  # fmt: skip


def _renewed() -> list[Case]:
    def renewed(
        slug: str,
        comment: str,
        given: dict[str, Json],
        after: int,
        result: tuple[int, int] | None,
        policy: dict[str, Json] = NO_POLICY,
        lifetime: int | None = None,
        auth: int | None = 0,
    ) -> Case:
        """Renew so many seconds after iat; the result is the ttl and age, or None for expired."""
        claims: dict[str, Json] | None = None
        if result is not None:
            ttl, age = result
            start = int(str(given["iat"])) - int(str(given["age"]))
            claims = {"claims": {**given, "iat": start + age, "ttl": ttl, "age": age}}
        return _case(
            f"renewed-{slug}", "T3", comment, "renew", given, policy, IAT + after, claims, lifetime,
            refused="expired", auth=auth,
        )  # fmt: skip

    old = _dates(HOUR, 7000)
    return [
        renewed("plain", "Age grows, the idle window stays.", old, 1800, (HOUR, 8800)),
        renewed("at-once", "In the second in which it was made.", old, 0, (HOUR, 7000)),
        renewed("last-second", "In the last second of its life.", old, HOUR - 1,
                (HOUR, 7000 + HOUR - 1)),
        renewed("within-limit", "The limit is far.", old, 1800, (HOUR, 8800), _policy(DAY)),
        renewed("cut", "The limit cuts the idle window.", old, 1800, (1200, 8800), _policy(10_000)),
        renewed("cut-by-one", "By one second.", old, 1800, (HOUR - 1, 8800),
                _policy(8800 + HOUR - 1)),
        renewed("uncut", "The idle window ends with the limit.", old, 1800, (HOUR, 8800),
                _policy(8800 + HOUR)),
        renewed("one-left", "One second is left.", old, 1800, (1, 8800), _policy(8801)),
        renewed("none-left", "The limit has come.", old, 1800, None, _policy(8800)),
        renewed("past", "The limit has passed.", old, 1800, None, _policy(8000)),
        renewed("cap", "The cap cuts it, and stays.", _dates(HOUR, 7000, 10_000), 1800,
                (1200, 8800)),
        renewed("cap-longest", "Longest cuts it; the cap stays.", _dates(HOUR, 7000, 90_000), 1800,
                (200, 8800), _policy(8900, 9000)),
        renewed("cap-over", "The cap has come.", _dates(HOUR, 7000, 8800), 1800, None),
        renewed("slow-clock", "The clock is behind iat, and not behind the start.", old, -50,
                (HOUR, 6950)),
        renewed("before-start", "The clock is behind the start: iat is the start.",
                _dates(HOUR, 10), -50, (HOUR, 0)),
        renewed("before-start-limit", "Nor does the limit move.", _dates(HOUR, 10), -50, (100, 0),
                _policy(100)),
        renewed("lifetime", "The token_lifetime cuts the idle window.", old, 1800, (600, 8800),
                NO_POLICY, 600),
        renewed("lifetime-equal", "It is the idle window.", old, 1800, (HOUR, 8800), NO_POLICY,
                HOUR),
        renewed("lifetime-and-limit", "The limit cuts further.", old, 1800, (100, 8800),
                _policy(8900), 600),
        renewed("lifetime-above-limit", "The token_lifetime cuts further.", old, 1800, (60, 8800),
                _policy(8900), 60),
        renewed("before-auth", "The clock is behind the last authentication: iat is that.",
                _dates(HOUR, 10), -5, (HOUR, 8), auth=8),
        renewed("before-auth-limit", "Nor does the limit move.", _dates(HOUR, 10), -5, (92, 8),
                _policy(100), auth=8),
        renewed("auth-unknown", "Auth is nil, and the clock behind iat.", _dates(HOUR, 10), -5,
                (HOUR, 5), auth=None),
        renewed("auth-unknown-before-start", "Auth is nil, and the clock behind the start.",
                _dates(HOUR, 10), -50, (HOUR, 0), auth=None),
    ]  # fmt: skip


def _case(
    slug: str,
    rule: str,
    comment: str,
    operation: str,
    given: dict[str, Json],
    policy: dict[str, Json],
    now: int,
    result: dict[str, Json] | None = None,
    lifetime: int | None = None,
    refused: str = "config_error",
    auth: int | None = 0,
) -> Case:
    return {
        "id": f"lifetimes/{slug}",
        "rule": rule,
        "comment": comment,
        "operation": operation,
        **policy,
        "token_lifetime": lifetime,
        "given": given,
        "now": now,
        **({} if operation == "new" else {"token": _token(given, auth)}),
        "expect": refused if result is None else "ok",
        **(result or {}),
    }
