"""The table of the adapters is that of the suite, and nothing is left out of it in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .table import DOCUMENT, GROUPS, adapters, document, rules_of

if TYPE_CHECKING:
    from .conformance import Conformance


@pytest.mark.parametrize("adapter", adapters(), ids=lambda adapter: adapter.title)
def test_whatever_is_left_out_has_a_reason(adapter: type[Conformance]) -> None:
    """A group that an adapter does not inherit, and a test that it has in a way of its own."""
    groups = {group for group in GROUPS if issubclass(adapter, group)}
    assert {group.__name__ for group in GROUPS} - {g.__name__ for g in groups} == set(
        adapter.unable
    )
    inherited = {test for group in groups for test in rules_of(group)}
    assert set(adapter.notes) <= inherited
    assert inherited & vars(adapter).keys() <= set(adapter.notes)
    if adapter.answers_unforeseen_errors_inside:
        assert "test_an_unhandled_error" in adapter.notes
    if not adapter.sees_several_cookie_lines:
        assert "test_the_cookie_is_found_among_others" in adapter.notes


def test_the_document_is_current() -> None:
    """Run ``python -m tests.adapters.table`` when it is not."""
    assert DOCUMENT.read_text() == document()
