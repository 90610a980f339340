"""heritage.json: who has signed for a session, and when its subject authenticated, as written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .claims_model import IAT, Claims
from .rings import HS, NEXT
from .token_cases import draft
from .vectorfile import Case, vector_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .msgpack import Json

AGE = 7200
START = IAT - AGE
FIFTEEN = [f"k{index}" for index in range(15)]
MINE, NEXTS = HS.kid, NEXT.kid


def heritage() -> dict[str, Json]:
    """Give the content of heritage.json."""
    comment = (
        "What a writer makes of the session in token, at now, when the key signs writes: after a"
        " verb of SPEC 4. token is null where a request has none."
    )
    cases = [*_renewed(), *_verbs(), *_authenticated()]
    return vector_file("heritage", comment, cases, {"keys": [*HS.jwks(), *NEXT.jwks()]})


def _case(
    slug: str,
    comment: str,
    verb: str,
    found: Claims | None,
    *,
    rule: str = "T4",
    signs: str = NEXTS,
    now: int = IAT + 100,
    subject: str | None = None,
    start: int = START,
    signers: Sequence[str] | None = None,
    auth: int | None = 0,
    expired: bool = False,
) -> Case:
    case: Case = {
        "id": f"heritage/{slug}",
        "rule": rule,
        "comment": comment,
        "token": None if found is None else draft(HS, f"heritage-{slug}", found).text(),
        "verb": verb,
        "subject": subject,
        "signs": signs,
        "now": now,
        "expect": "expired" if expired else "ok",
    }
    written: dict[str, Json] = {
        "start": start, "signers": None if signers is None else list(signers), "auth": auth,
    }  # fmt: skip
    return case if expired else {**case, **written}


def _found(
    signers: Sequence[str] | None = None, auth: int | None = 0, sub: str | None = "ada"
) -> Claims:
    return Claims(age=AGE, sub=sub, signers=signers, auth=auth)


def _renewed() -> list[Case]:
    both = [*FIFTEEN[:14], NEXTS]
    cases: list[tuple[str, str, Sequence[str] | None, str, Sequence[str] | None]] = [
        ("alone", "No other key has signed.", None, MINE, None),
        ("rotated", "The former key is named.", None, NEXTS, [MINE]),
        ("rotated-again", "It comes after those before it.", ["a"], NEXTS, ["a", MINE]),
        ("not-rotated", "The list stays.", ["a", "b"], MINE, ["a", "b"]),
        ("signed-before", "The key that signs was named.", [NEXTS, "a"], NEXTS, ["a", MINE]),
        ("signed-before-alone", "No other key has signed.", [MINE], MINE, None),
        ("its-own-kid", "The token names its own key: the first place is kept.", [MINE, "a"],
         NEXTS, [MINE, "a"]),
        ("repeated", "A kid that was named twice keeps its first place.", ["a", "b", "a"], NEXTS,
         ["a", "b", MINE]),
        ("fourteen", "The fifteenth is named.", FIFTEEN[:14], NEXTS, [*FIFTEEN[:14], MINE]),
        ("fifteen", "Fifteen, and the same key signs.", FIFTEEN, MINE, FIFTEEN),
        ("fifteen-with-signing", "Fifteen, one of which signs now.", both, NEXTS,
         [*FIFTEEN[:14], MINE]),
        ("fifteen-repeated", "Fifteen entries of one kid.", ["a"] * 15, NEXTS, ["a", MINE]),
    ]  # fmt: skip
    renewed = [
        _case(f"renewed-{slug}", comment, "renew", _found(before), signs=signs, signers=after)
        for slug, comment, before, signs, after in cases
    ]
    comment = "A sixteenth would be needed: nothing is dropped."
    return [*renewed, _case("renewed-sixteen", comment, "renew", _found(FIFTEEN), expired=True)]


def _verbs() -> list[Case]:
    now = IAT + 100
    verbs: list[tuple[str, str | None, int, int]] = [
        ("regenerate", None, START, 0),
        ("reauthenticate", None, START, now - START),
        ("sign_in", "ada", now, 0),
        ("sign_in", "bob", now, 0),
        ("clear_and_sign_in", "bob", now, 0),
    ]
    cases = []
    for verb, subject, start, auth in verbs:
        slug = "-".join([*verb.split("_"), *([subject] if subject else [])])
        told = verb.replace("_", " ")
        cases += [
            _case(f"verb-{slug}", f"After {told} the list is handed down.", verb,
                  _found(["a"]), subject=subject, start=start, signers=["a", MINE], auth=auth),
            _case(f"verb-{slug}-sixteen", f"Nor does {told} drop one.", verb,
                  _found(FIFTEEN), subject=subject, expired=True),
        ]  # fmt: skip
    comment = "A request without a token begins with none."
    return [*cases, _case("verb-sign-in-new", comment, "sign_in", None, subject="ada", start=now)]


def _authenticated() -> list[Case]:
    early = Claims(iat=IAT, age=10, sub="ada", auth=10)
    ahead = Claims(iat=IAT, age=0, sub="ada")
    return [
        _case(slug, comment, verb, found, rule="T5", signs=MINE, **rest)
        for slug, comment, verb, found, rest in (
            ("auth-renewed", "Renewal keeps auth.", "renew", _found(auth=60), {"auth": 60}),
            ("auth-renewed-nil", "Nil too.", "renew", _found(auth=None), {"auth": None}),
            ("auth-renewed-anonymous", "Nil without a subject too.", "renew",
             _found(auth=None, sub=None), {"auth": None}),
            ("auth-slow-clock", "A clock behind it: iat is start + auth.", "renew", early,
             {"now": IAT - 5, "start": IAT - 10, "auth": 10}),
            ("auth-regenerated", "A new id keeps auth.", "regenerate", _found(auth=60),
             {"auth": 60}),
            ("auth-regenerated-nil", "Nil too.", "regenerate", _found(auth=None), {"auth": None}),
            ("auth-again", "Seconds from the start until now.", "reauthenticate", _found(auth=60),
             {"auth": AGE + 100}),
            ("auth-again-nil", "Where nothing was known.", "reauthenticate", _found(auth=None),
             {"auth": AGE + 100}),
            ("auth-again-ahead", "A session that begins later: at its start.", "reauthenticate",
             ahead, {"now": IAT - 5, "start": IAT, "auth": 0}),
            ("auth-again-slow-clock", "A clock behind the former one: seconds from the start.",
             "reauthenticate", early, {"now": IAT - 5, "start": IAT - 10, "auth": 5}),
            ("auth-signed-in", "A sign-in begins with 0.", "sign_in", _found(auth=60),
             {"subject": "ada", "start": IAT + 100}),
            ("auth-signed-in-nil", "Where nothing was known, too.", "sign_in", _found(auth=None),
             {"subject": "ada", "start": IAT + 100}),
        )
    ]  # fmt: skip
