"""Packages that look into other sessions; `tests/ecosystem` runs the real ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from django.test import override_settings
from django.utils.module_loading import import_string

from tokensession import Policy, encode
from tokensession.stores.memory.revocation import MemoryStore

from .conformance import RING
from .test_django_keys import SessionStore

if TYPE_CHECKING:
    from types import ModuleType

packages: Any = import_string("tokensession.adapters.django.packages")
checks: Any = import_string("tokensession.adapters.django.checks")
KEY = "00" * 16


@pytest.mark.parametrize(
    ("age", "denied", "over"),
    [(0, False, False), (0, True, True), (3599, False, False), (3700, False, True)],
)
def test_a_listed_session_is_over_or_not(*, age: int, denied: bool, over: bool) -> None:
    """A listed session is over if it is revoked or older than any session can be."""
    store, deleted = MemoryStore(), []
    listed = SimpleNamespace(
        created_at=datetime.now(UTC) - timedelta(seconds=age),
        exists=lambda: SessionStore().exists(KEY),
        delete=lambda: deleted.append(1),
    )
    policy = Policy(idle_timeout=60, absolute_timeout=3600)
    with override_settings(TOKENSESSION_REVOCATION=store, TOKENSESSION_POLICY=policy):
        if denied:
            SessionStore().delete(KEY)
        assert packages.purge_if_over(listed) is over
    assert deleted == [1] * over


def test_the_packages_that_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed packages are adapted: a session that is only a name has an unknown user."""
    model = type("UserSession", (), {"objects": SimpleNamespace(get_queryset=list)})
    views = SimpleNamespace(get_user_from_session=lambda session: session["user"])
    modules = {"django_cas_ng.views": views}

    def import_(name: str) -> ModuleType | SimpleNamespace:
        return modules.get(name) or real(name)

    real = packages.import_module
    installed = SimpleNamespace(is_installed=lambda _: True, get_model=lambda *_: model)
    monkeypatch.setattr(packages, "apps", installed)
    monkeypatch.setattr(packages, "import_module", import_)
    packages.adapt_packages()
    assert model.purge is packages.purge_if_over  # type: ignore[attr-defined]
    assert views.get_user_from_session(SessionStore(KEY)).is_anonymous
    assert views.get_user_from_session(SessionStore(encode({"user": "ada"}, RING))) == "ada"


def test_a_model_that_refers_to_the_table_of_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """No row of it can be saved, so the checks name the field."""
    related = SimpleNamespace(_meta=SimpleNamespace(label="shop.Cart"))
    relation = SimpleNamespace(related_model=related, field=SimpleNamespace(name="session"))
    model = SimpleNamespace(_meta=SimpleNamespace(related_objects=[relation]))
    installed = SimpleNamespace(
        is_installed=lambda name: name == "django.contrib.sessions", get_model=lambda *_: model
    )
    monkeypatch.setattr(checks, "apps", installed)
    (found,) = checks.check_settings()
    assert found.id == "tokensession.W003"
    assert found.msg == "shop.Cart.session refers to the table of sessions, which is empty"


def test_the_table_of_sessions_is_asked(caplog: pytest.LogCaptureFixture) -> None:
    """Code that ends sessions by Django's table ends nothing, so the log says what does."""

    class Manager:
        def get_queryset(self) -> list[int]:
            return []

    objects = Manager()
    packages.tell_of_empty_table(objects)
    assert (objects.get_queryset(), objects.get_queryset()) == ([], [])
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "SessionStore().delete(session_key)" in record.message
