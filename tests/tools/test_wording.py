"""Times and texts in words."""

from __future__ import annotations

import pytest

from tests.conftest import NOW
from tokensession.tools.wording import duration, iso, printable, quoted, relative


class TestTexts:
    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0, "0s"),
            (1, "1s"),
            (59, "59s"),
            (60, "1m"),
            (1798, "29m58s"),
            (3600, "1h"),
            (3601, "1h"),
            (5400, "1h30m"),
            (86399, "23h59m"),
            (86400, "1d"),
            (90000, "1d1h"),
            (-90, "-1m30s"),
        ],
    )
    def test_duration(self, seconds: int, text: str) -> None:
        """The two greatest units that stand beside each other are shown."""
        assert duration(seconds) == text

    @pytest.mark.parametrize(
        ("second", "text"), [(NOW, "now"), (NOW + 1, "in 1s"), (NOW - 1, "1s ago")]
    )
    def test_relative(self, second: int, text: str) -> None:
        """Before, at and after now are told apart."""
        assert relative(second, NOW) == text

    def test_iso(self) -> None:
        """A date is given to the second; one beyond the calendar as a number."""
        assert iso(0) == "1970-01-01T00:00:00Z"
        assert iso(253402300799) == "9999-12-31T23:59:59Z"
        assert iso(253402300800) == "253402300800 s after 1970, beyond the year 9999"
        assert "beyond" in iso(2**53)

    @pytest.mark.parametrize("text", ["\n", "\x1b", "\x7f", "\x9b", "\u202e", "\u2028", "\ud800"])
    def test_what_a_terminal_acts_upon_is_escaped(self, text: str) -> None:
        """Controls, direction marks, separators and lone surrogates show as JSON escapes."""
        assert printable(text).startswith("\\")
        assert quoted(text).isprintable()

    def test_other_text_stays(self) -> None:
        """Letters of any language are shown as they are."""
        assert printable("Zoë 漢 🙂") == "Zoë 漢 🙂"
