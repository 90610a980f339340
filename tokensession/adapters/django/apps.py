"""The Django application for INSTALLED_APPS, which registers the checks."""

from __future__ import annotations

from django.apps import AppConfig


class TokenSessionConfig(AppConfig):  # type: ignore[misc]  # Django has no types
    """Registers the system checks, and adapts other packages. It has no models."""

    name = "tokensession.adapters.django"
    label = "tokensession"

    def ready(self) -> None:
        """Register the checks and adapt packages, after the settings are loaded."""
        import tokensession.adapters.django.checks  # noqa: F401, PLC0415
        from tokensession.adapters.django.packages import adapt_packages  # noqa: PLC0415

        adapt_packages()
