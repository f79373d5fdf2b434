"""The driver's options that a MongoDB target turns into, and what a session refuses to send."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo import errors

from dbtune.errors import UsageError
from dbtune.mongo.connect import _options, cause, connect, connect_problem
from dbtune.mongo.session import _refuse_writes, grant_text
from dbtune.profile import Engine, Profile, Secret, profile_from_url
from dbtune.session import Limits

LIMITS = Limits(connect_seconds=2, statement_seconds=3)


def options(url: str) -> tuple[dict[str, Any], str]:
    _, found, database = _options(profile_from_url(url, "TARGET"), LIMITS)
    return found, database


def test_limits_and_name_reach_the_driver() -> None:
    found, database = options("mongodb://h/shop")
    assert found["appname"] == "dbtune"
    assert found["serverSelectionTimeoutMS"] <= found["connectTimeoutMS"] == 2000
    assert found["socketTimeoutMS"] > 3000
    assert database == "shop"


@pytest.mark.parametrize(
    ("url", "direct"),
    [
        ("mongodb://h", True),
        ("mongodb://u:p@h:27018/?authSource=admin", True),
        ("mongodb://h1,h2/", None),
        ("mongodb://h/?replicaSet=rs0", None),
        ("mongodb://h/?replicaset=rs0", None),
        ("mongodb://h/?directConnection=false", None),
        ("mongodb+srv://cluster.example.net/", None),
    ],
)
def test_one_host_means_that_very_server(url: str, direct: bool | None) -> None:
    assert options(url)[0].get("directConnection") is direct


def test_the_urls_read_preference_wins() -> None:
    assert options("mongodb://h1,h2/?readPreference=secondary")[0].get("readPreference") is None
    assert options("mongodb://h1,h2/")[0]["readPreference"] == "primaryPreferred"


def profile(**more: Any) -> Profile:
    return Profile("prod", Engine.mongodb, "profile 'prod'", **more)


def test_a_profiles_keys() -> None:
    keys = {"host": "h", "port": "27018", "user": "joe", "dbname": "shop"}
    url, found, database = _options(profile(parameters=keys, password=Secret("pw123")), LIMITS)
    assert url == "mongodb://h:27018"
    assert (found["username"], found["password"], database) == ("joe", "pw123", "shop")


@pytest.mark.parametrize(
    ("given_profile", "message"),
    [
        (profile(parameters={"host": "h", "sslmode": "require"}), "sslmode can't be used"),
        (profile(parameters={"host": "h"}, password=Secret("pw123")), "a password, but no user"),
    ],
)
def test_keys_that_make_no_sense_are_refused(given_profile: Profile, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _options(given_profile, LIMITS)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mongodb://user@h/", "there is a user, but no password"),
        ("mongodb://h/a/b", "Bad database name"),
        ("mongodb://h/?tls=maybe", "tls must be"),
        ("mongodb://h/?tlsCAFile=/no/such/file", "No such file or directory: /no/such/file"),
    ],
)
def test_malformed_urls(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        connect(profile_from_url(url, "TARGET"), LIMITS)


@given(
    st.sampled_from(
        [
            "h:1: [Errno 111] Connection refused (configured timeouts: x), Timeout: 2s, Topology",
            "SSL handshake failed: h:1: [SSL: CERTIFICATE_VERIFY_FAILED] self-signed",
            "connection closed",
            "",
        ]
    )
)
def test_problems_are_one_sentence_without_topology(text: str) -> None:
    shown = connect_problem(errors.AutoReconnect(text), profile())
    assert shown.startswith("can't connect to prod: ")
    assert "Topology" not in shown
    assert "configured timeouts" not in shown


def test_the_servers_words_stand_without_its_reply() -> None:
    error = errors.OperationFailure("Authentication failed., full error: {...}", 18)
    assert cause(error) == "Authentication failed."


@pytest.mark.parametrize(
    "command",
    [
        {"insert": "x", "documents": []},
        {"profile": 2},
        {"profile": 0},
        {"aggregate": 1, "pipeline": [{"$match": {}}, {"$out": "x"}]},
        {"aggregate": 1, "pipeline": [{"$merge": "x"}]},
        {"eval": "1"},
        {"setParameter": 1},
        {"explain": {"update": "x", "updates": []}},
        {"explain": {"aggregate": "x", "pipeline": [{"$out": "x"}]}},
    ],
)
def test_nothing_that_writes_is_sent(command: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a reading command"):
        _refuse_writes(command)


def test_reading_is_sent() -> None:
    _refuse_writes({"profile": -1})
    _refuse_writes({"aggregate": 1, "pipeline": [{"$currentOp": {}}]})


def test_the_grant_names_the_user() -> None:
    assert grant_text("mon@admin") == (
        'db.getSiblingDB("admin").grantRolesToUser("mon", [{role: "clusterMonitor", db: "admin"}])'
    )
    assert '"we\\"ird"' in grant_text('we"ird@admin')
