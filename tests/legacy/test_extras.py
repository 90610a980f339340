"""What the modules of the readers say: their examples, and which extra is missing."""

from __future__ import annotations

import doctest
import importlib
import sys

import pytest

from tokensession import ConfigError


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [
        ("tokensession.legacy.flask", "itsdangerous", "legacy-flask"),
        ("tokensession.legacy.starlette", "itsdangerous", "legacy-starlette"),
        ("tokensession.legacy.django", "django.core", "legacy-django"),
    ],
)
def test_the_extra_is_named(
    module: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of an import without the package names the extra."""
    for name in (module, "tokensession.legacy.itsdangerous"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=extra):
        importlib.import_module(module)


@pytest.mark.parametrize("name", ["django", "express", "flask", "jwt", "starlette"])
def test_the_example_runs(name: str) -> None:
    """The example in the module's docstring runs."""
    module = importlib.import_module(f"tokensession.legacy.{name}")
    results = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert (results.attempted, results.failed) == (1, 0)
