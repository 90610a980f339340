"""Whether the time of a refusal tells where a signature differs from the right one.

Usage: `python -m tests.trials.attacks.timing [--pairs 200000]`

Refusals of two kinds, a signature wrong in its first character and one wrong in its last, are
timed in random order and compared by a paired t-test, with the slowest tenth of each left out, as
dudect does it (Reparaz, Balasch, Verbauwhede 2017). As a control the same is done with a comparison
that stops at the first difference, which must show. Exit code 1 when the library shows a difference
(|t| above 4.5, twice in two runs), or the control none.
"""

from __future__ import annotations

import argparse
import secrets
import statistics
import sys
from time import perf_counter_ns
from typing import TYPE_CHECKING

from tokensession import BadSignature, KeyRing, SessionCodec

if TYPE_CHECKING:
    from collections.abc import Callable

NOTICEABLE = 4.5
KEPT = 0.9
TOKENS = 1000
ENDS = "AEIMQUYcgkosw048"  # what is canonical at either end of a signature


def compare(refuse: Callable[[str, str], object], tokens: list[str], pairs: int) -> float:
    """Return t of the times that tokens wrong early and the same ones wrong late take.

    Where a string lies in memory, and what it ends with, shows in nanoseconds on a quiet machine,
    and says nothing of where it is wrong. So there are many, made in random order before anything
    is timed, with characters that are as likely at either end, and each is one observation: how
    much longer it takes wrong late than early.
    """
    places = [(late, number) for late in (False, True) for number in range(len(tokens))]
    secrets.SystemRandom().shuffle(places)
    made = {place: changed(tokens[place[1]], late=place[0]) for place in places}
    times: dict[tuple[bool, int], list[int]] = {place: [] for place in places}
    for _ in range(pairs // len(tokens)):
        secrets.SystemRandom().shuffle(places)
        for place in places:
            wrong, right = made[place], tokens[place[1]]
            began = perf_counter_ns()
            refuse(wrong, right)
            times[place].append(perf_counter_ns() - began)
    typical = {place: statistics.fmean(_quick(found)) for place, found in times.items()}
    longer = [typical[True, number] - typical[False, number] for number in range(len(tokens))]
    return float(statistics.fmean(longer) / (statistics.stdev(longer) / len(longer) ** 0.5))


def _quick(times: list[int]) -> list[int]:
    return sorted(times)[: int(len(times) * KEPT)]


def changed(token: str, *, late: bool) -> str:
    """Return a token with another character at one end of its signature."""
    at = len(token) - 1 if late else token.rindex(".") + 1
    other = secrets.choice([character for character in ENDS if character != token[at]])
    return token[:at] + other + token[at:][1:]


def library(codec: SessionCodec[object]) -> Callable[[str, str], None]:
    """Return how the library refuses."""

    def refuse(wrong: str, _: str) -> None:
        try:
            codec.decode(wrong, now=0)
        except BadSignature:
            return
        raise AssertionError("a changed signature must not verify")

    return refuse


def control(wrong: str, right: str) -> bool:
    """Compare, and stop at the first difference."""
    return all(one == other for one, other in zip(right, wrong, strict=True))


def main() -> int:
    """Compare; 1 when the library shows what it must not, or the control nothing."""
    parser = argparse.ArgumentParser(description="Time refusals by where the signature differs.")
    parser.add_argument("--pairs", type=int, default=200_000)
    pairs = parser.parse_args().pairs
    codec: SessionCodec[object] = SessionCodec(KeyRing.generate())
    tokens = [codec.encode({"user_id": 42}, now=0) for _ in range(TOKENS)]
    shown = compare(control, tokens, pairs // 10)
    found = [compare(library(codec), tokens, pairs) for _ in range(2)]
    texts = ", ".join(f"{t:.2f}" for t in found)
    sys.stdout.write(
        f"{pairs} pairs: t = {texts}; a comparison that stops early: t = {shown:.2f}\n"
    )
    leaks = min(map(abs, found)) > NOTICEABLE
    return 1 if leaks or abs(shown) <= NOTICEABLE else 0


if __name__ == "__main__":
    sys.exit(main())
