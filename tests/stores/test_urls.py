"""Key sources and stores by their names on a command line."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from tokensession import ConfigError
from tokensession.stores.urls import named_url, source_from_url


class TestURLs:
    @pytest.mark.parametrize(
        ("url", "name"),
        [
            ("keys.json", "key file keys.json"),
            ("/etc/keys.json", "key file /etc/keys.json"),
            ("file:keys.json", "key file keys.json"),
            ("file:///etc/keys.json", "key file /etc/keys.json"),
            ("env:SESSION_KEYS", "environment variable SESSION_KEYS"),
            ("sqlite:///x.db", "sqlite:///x.db#session-keys"),
            ("sqlite:///x.db#shop", "sqlite:///x.db#shop"),
            ("postgresql://app@db.example/app", "postgresql+psycopg://app:***@db.example/app#session-keys"),
            ("postgres://app@db.example/app#b", "postgresql+psycopg://app:***@db.example/app#b"),
            ("redis://cache.example", "redis cache.example:6379/0#tokensession:keys"),
            ("valkeys://cache.example:7000/2#b", "redis cache.example:7000/2#b"),
            ("unix:///run/valkey.sock#b", "redis /run/valkey.sock/0#b"),
            ("url:WHERE", "redis cache.example:6379/1#tokensession:keys"),
            ("url:OPTION", "postgresql+psycopg://db.example/app#session-keys"),
        ],
    )  # fmt: skip
    def test_what_a_url_names(self, url: str, name: str) -> None:
        """The password comes from the environment, and is in no name."""
        environment = {
            "TOKENSESSION_SOURCE_PASSWORD": "hunter2/@#",
            "WHERE": "redis://u:hunter3@cache.example:6379/1",
            "OPTION": "postgresql://db.example/app?user=app&password=hunter4",
        }
        source = source_from_url(url, environment=environment)
        assert source.name == name
        assert "hunter" not in repr(vars(source).get("_path", "")) + source.name

    def test_the_password_reaches_the_client(self) -> None:
        """The password reaches the client as it stands, with any characters."""
        variables = {"TOKENSESSION_SOURCE_PASSWORD": "hunter2/@#:%41"}
        sql: Any = source_from_url("postgresql://app@db/app", environment=variables)
        assert sql._connection.engine.url.password == "hunter2/@#:%41"
        redis: Any = source_from_url("redis://db", environment=variables)
        client = redis._connection.client
        assert client.connection_pool.connection_kwargs["password"] == "hunter2/@#:%41"

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://app:hun@t:er2@db/app",
            "postgresql://app:hunter2@er2@db/app",
            "redis://:hunter2/er2@cache",
            "redis://cache?hunter2=er2",
            "redis://:hunt\u2100er2@cache",
            "sqlite:///keys.db?timeout=hunter2",
        ],
    )
    def test_what_is_no_url_is_not_shown(self, url: str) -> None:
        """No error, nor its context, shows an invalid URL, because it can hold a password."""
        with pytest.raises(
            ConfigError, match=r"^(no|unknown|invalid URL|the URL .not shown)"
        ) as caught:
            source_from_url("url:WHERE", environment={"WHERE": url})
        text = "".join(traceback.format_exception(caught.value))
        assert "er2" not in text.replace(url, "") + repr(caught.value.__context__)

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("redis://:hunter2@cache", "process lists"),
            ("postgresql://app:hunter2@db/app", "process lists"),
            ("redis://cache?password=hunter2", "process lists"),
            ("url:NOWHERE", "NOWHERE is missing or empty"),
            ("mongodb://db", "pass a file, env:NAME"),
            ("mysql://db", "pass a file, env:NAME"),
            ("redis://[", "invalid URL"),
            ("sqlite+nonsense:///x.db", "invalid URL for SQLAlchemy"),
            ("redis://cache:port", "invalid URL for redis-py"),
        ],
    )
    def test_refused(self, url: str, reason: str) -> None:
        """A bad URL is refused with the remedy, and without the password."""
        with pytest.raises(ConfigError, match=reason) as caught:
            source_from_url(url, environment={})
        assert "hunter2" not in str(caught.value)


class TestNamedURLs:
    def test_a_variable_that_is_not_set(self) -> None:
        """None for it is not a URL."""
        missing: Any = None
        for call in (source_from_url, named_url):
            with pytest.raises(ConfigError, match="the URL must be a str, not NoneType"):
                call(missing)

    def test_the_environment(self) -> None:
        """``url:NAME`` is the URL in a variable, where it can hold a password."""
        variables = {"STORE": "redis://:hunter2@h"}
        assert named_url("url:STORE", environment=variables) == "redis://:hunter2@h"
        assert named_url("sqlite:///x.db", environment=variables) == "sqlite:///x.db"

    @pytest.mark.parametrize(
        "url",
        [
            "redis://me:hunter2@h",
            "valkey://:hunter2@h",
            "postgresql://h/db?password=hunter2",
            "redis://:hunter2/er2@cache",
        ],
    )
    def test_passwords_in_arguments(self, url: str) -> None:
        """Refused with the remedy, and never shown."""
        with pytest.raises(ConfigError, match=r"process lists.*url:NAME") as caught:
            named_url(url)
        assert "hunter2" not in str(caught.value)
