"""The driver's options that a Redis target turns into, and what a session refuses to send."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import exceptions

from dbtune.errors import UsageError
from dbtune.profile import Engine, Profile, Secret, profile_from_url
from dbtune.redis.connect import _options, connect, connect_problem
from dbtune.redis.session import Session, grant_text, parse_info
from dbtune.session import Limits

LIMITS = Limits(connect_seconds=2, statement_seconds=3)


def profile(**more: Any) -> Profile:
    return Profile("cache", Engine.redis, "profile 'cache'", **more)


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("redis://h:1/2", "redis://h:1/2"),
        ("rediss://h", "rediss://h"),
        ("valkey://h:1/2", "redis://h:1/2"),
        ("valkeys://h", "rediss://h"),
    ],
)
def test_schemes(url: str, driver: str) -> None:
    assert _options(profile_from_url(url, "TARGET")) == (driver, {})


def test_a_profiles_keys() -> None:
    keys = {"host": "h", "port": "6380", "user": "mon", "dbname": "2"}
    given_profile = profile(parameters=keys, password=Secret("pw123"))
    assert _options(given_profile) == (
        "redis://",
        {"host": "h", "port": 6380, "username": "mon", "db": 2, "password": "pw123"},
    )


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"host": "h", "sslmode": "require"}, "sslmode can't be used for Redis"),
        ({"dbname": "shop"}, "dbname must be a number, not 'shop'"),
    ],
)
def test_keys_that_make_no_sense_are_refused(keys: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _options(profile(parameters=keys))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis://h/shop", "databases are numbers"),
        ("redis://h?foo=1", "there is no option foo"),
        ("redis://h?socket_timeout=soon", "socket_timeout"),
    ],
)
def test_malformed_urls(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        connect(profile_from_url(url, "TARGET"), LIMITS)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            exceptions.ConnectionError("Error 111 connecting to h:1. Connection refused."),
            "can't connect to cache: h:1: Connection refused\nis the server running",
        ),
        (
            exceptions.ConnectionError(
                "Error while reading from h:1 : (104, 'Connection reset by peer')"
            ),
            "can't connect to cache: h:1: Connection reset by peer\nsomething answers there",
        ),
        (exceptions.AuthenticationError("HELLO must be called"), "NOAUTH Authentication required"),
        (exceptions.TimeoutError("Timeout connecting to server"), "--connect-timeout"),
        (exceptions.ConnectionError(""), "can't connect to cache: ConnectionError"),
    ],
)
def test_problems(error: Exception, message: str) -> None:
    assert message in connect_problem(error, profile())


@pytest.mark.parametrize(
    "words",
    [("KEYS", "*"), ("MONITOR",), ("DEBUG", "SLEEP", "1"), ("CONFIG", "SET", "a", "b"), ("SET",)],
)
def test_nothing_else_is_sent(words: tuple[str, ...]) -> None:
    session = object.__new__(Session)  # without a connection: it would fail if one was used
    with pytest.raises(ValueError, match="not a reading command"):
        session.command(*words)


def test_info() -> None:
    text = "# Server\r\nredis_version:7.0.15\r\nos:Linux 6:1\r\n\r\nnonsense\r\n"
    assert parse_info(text) == {"redis_version": "7.0.15", "os": "Linux 6:1"}


@given(st.text())
def test_hostile_info_never_raises(text: str) -> None:
    parse_info(text)


def test_grant() -> None:
    assert grant_text("mon", "SLOWLOG GET") == "ACL SETUSER mon +slowlog|get"
