"""Forms and query strings in a session, as Django's and Flask's own sessions write them."""

from __future__ import annotations

from typing import Any


def plain_form(value: Any) -> Any:
    """Return a form's fields as a dict if each has one value; return another value as it is.

    A form of Django or Werkzeug holds a list for each field. The frameworks' own sessions keep one
    value of each list. Where a list has more, that would lose the others, so the form stays as it
    is, and writing it raises a StateError.

    Args:
        value: A value for a session, such as ``request.POST`` or ``request.form``.
    """
    if type(value) is dict or not isinstance(value, dict):
        return value
    lists = getattr(value, "lists", None)
    if lists is None or any(len(values) != 1 for _, values in lists()):
        return value
    return dict(value.items())
