"""Numbers in the pages are those of the code."""

from __future__ import annotations

import pytest

from tests.docs.pages import PAGES
from tokensession.directory import decision as directory
from tokensession.keys import poller, source, watcher
from tokensession.openid import back_channel, logout_token, provider_keys
from tokensession.revocation import decision, limits, lookup, replica
from tokensession.sessions import listing
from tokensession.sessions.policy import Policy
from tokensession.stores.memory import overflow as memory
from tokensession.stores.redis import server as redis
from tokensession.stores.sql import database as sql
from tokensession.web.cookies import MAX_COOKIE

HOUR = 3600
HALF_OF_IDLE = int(Policy().idle_timeout * Policy().renew_after / 60)


@pytest.mark.parametrize(("page", "text"), [
    ("concepts.md", f"has {MAX_COOKIE} bytes at most"),
    ("concepts.md", f"So of 30 minutes, {HALF_OF_IDLE} are guaranteed"),
    ("accounts.md", f"renews {HALF_OF_IDLE} minutes after its last token or later"),
    ("accounts.md", f"at most {listing.MAX_LABEL} characters"),
    ("accounts.md", "each sign-in ends a hundred sessions at most"),
    ("accounts.md", "removes a thousand at once"),
    ("how-to/log-out-everywhere.md", f"after {replica.MAX_STALENESS:.0f} s at the latest"),
    ("how-to/provider-logout.md", f"more than {back_channel.MAX_BODY // 1024} kB"),
    ("how-to/provider-logout.md", f"Clocks may differ by {logout_token.LEEWAY} s"),
    ("how-to/provider-logout.md", "A token without `exp` counts for five minutes"),
    ("how-to/provider-logout.md",
     f"at most once in {provider_keys.COOL_DOWN:.0f} s, and again after an hour"),
    ("how-to/provider-logout.md",
     f"takes {provider_keys.PATIENCE:.0f} s and {provider_keys.MAX_SET // 1024} kB at most"),
    ("revocation.md",
     (f"after about `refresh` ({replica.REFRESH:.0f} s), "
     f"after `max_staleness` ({replica.MAX_STALENESS:.0f} s) at the latest")),
    ("revocation.md", f"({sql.TIMEOUT:.0f} s for SQL, {redis.TIMEOUT:.0f} s for Redis)"),
    ("revocation.md", "Calls in the half second after that fail at once"),
    ("revocation.md", f"while clocks differ by at most {decision.CLOCK_SKEW} s"),
    ("revocation.md", "an entry stays until an hour after the session's last possible end"),
    ("revocation.md", f"the last {limits.MAX_CHANGES:,} stay"),
    ("rotation.md", f"**{watcher.DEFAULT_REFRESH + 1:.0f} s** with the default of"),
    ("rotation.md", f"once in {watcher.DEFAULT_COOLDOWN:.0f} s at most"),
    ("rotation.md", "a fifth of the interval is random"),
    ("rotation.md", "not confirmed for three refresh intervals"),
    ("rotation.md", f"slower than {source.STORE_SECONDS} s"),
    ("storage.md", f"{memory.ROOM // 10**6} MB (`room=`)"),
])  # fmt: skip
def test_a_number_of_a_page(page: str, text: str) -> None:
    """The page says the limit or default that the code has."""
    assert text in PAGES[f"docs/{page}"].read_text()


def test_the_numbers_that_are_words() -> None:
    """The pages write these out."""
    assert directory.MOST_ENDED == 100
    assert limits.SWEEP_BATCH == 1000
    assert (logout_token.MAX_AGE, provider_keys.MAX_AGE) == (5 * 60, HOUR)
    assert (lookup._PAUSE, limits.SWEEP_MARGIN) == (0.5, HOUR)
    assert (poller.JITTER, watcher._BOUND) == (0.2, 3)
