"""The application that Django's settings may name, for the sake of the checks."""

from __future__ import annotations

from django.apps import AppConfig


class TokenSessionConfig(AppConfig):  # type: ignore[misc]  # Django has no types
    """Registers the system checks, and adapts other packages; there are no models."""

    name = "tokensession.adapters.django"
    label = "tokensession"

    def ready(self) -> None:
        """Do both, once there are settings."""
        import tokensession.adapters.django.checks  # noqa: F401, PLC0415
        from tokensession.adapters.django.packages import adapt_packages  # noqa: PLC0415

        adapt_packages()
