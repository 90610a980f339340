"""What the session interfaces of Flask and Quart tell about their cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensession.errors import ConfigError

if TYPE_CHECKING:
    from tokensession.adapters.flask_managers import ManagersByApp


class CookieGetters:
    """The getters of a session interface, which tell about the cookie that is set.

    Raises:
        ConfigError: A subclass overrides one of them, which would have no effect.
    """

    _managers: ManagersByApp

    def __init_subclass__(cls) -> None:
        """Refuse overrides that would have no effect."""
        super().__init_subclass__()
        unused = sorted(
            name for name in vars(cls) if name[0] != "_" and name in vars(CookieGetters)
        )
        if unused:
            raise ConfigError(
                f"{cls.__name__} overrides {', '.join(unused)}, but the adapter sets the cookie of "
                "its own options: pass cookie=Cookie(...), or override save_session"
            )

    def get_cookie_name(self, app: Any) -> str:
        """Return the name of the cookie."""
        return self._managers.of(app).cookie.name

    def get_cookie_domain(self, app: Any) -> str | None:
        """Return the domain of the cookie, or None for only the host."""
        return self._managers.of(app).cookie.domain

    def get_cookie_path(self, app: Any) -> str:
        """Return the path of the cookie."""
        return self._managers.of(app).cookie.path

    def get_cookie_httponly(self, app: Any) -> bool:  # noqa: ARG002  # Flask's signature
        """Return True: scripts cannot read the cookie."""
        return True

    def get_cookie_secure(self, app: Any) -> bool:
        """Tell whether the cookie is sent only over https."""
        return not self._managers.of(app).cookie.http_development

    def get_cookie_samesite(self, app: Any) -> str:
        """Return the SameSite attribute of the cookie."""
        return self._managers.of(app).cookie.same_site

    def get_cookie_partitioned(self, app: Any) -> bool:
        """Tell whether the cookie is partitioned by top-level site."""
        return self._managers.of(app).cookie.partitioned

    def should_set_cookie(self, app: Any, session: Any) -> bool:  # noqa: ARG002  # Flask's signature
        """Tell whether the response sets the cookie, except for a renewal."""
        return bool(session.modified)
