"""Expiries of sessions in the forms that Django knows."""

from __future__ import annotations

from datetime import UTC, datetime
from time import time

from django.conf import settings
from django.utils import timezone


def instant_of(second: float) -> datetime:
    """Return a Unix second as a datetime, with a zone if USE_TZ is on."""
    return datetime.fromtimestamp(second, UTC if settings.USE_TZ else None)


def second_of(expiry: str) -> int:
    """Return the Unix second of an expiry in Django's text form."""
    instant = datetime.fromisoformat(expiry)
    if instant.tzinfo is None and settings.USE_TZ:
        instant = timezone.make_aware(instant)
    return int(instant.timestamp())


def has_passed(expiry: float | str | None) -> bool:
    """Tell whether an expiry in Django's form has passed."""
    if isinstance(expiry, str):
        return second_of(expiry) <= int(time())
    return expiry is not None and expiry < 0
