"""SLOWLOG's entries: read whatever they hold, added up, told apart by interval."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.redis.commandstats import Total, statements_between
from dbtune.redis.slowlog import Entry, Slowlog, after, entry_of, slow_commands

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def entry(*words: str, number: int = 0, ms: float = 20, **more: Any) -> Entry:
    return Entry(number, NOW, ms, words, **more)


def slowlog(*numbers: int, read: int | None = None, **more: Any) -> Slowlog:
    entries = tuple(entry("GET", "k", number=number) for number in numbers)
    count = len(numbers) if read is None else read
    settings: dict[str, Any] = {"threshold_us": 10_000, "max_entries": 128, "at": NOW} | more
    return Slowlog(entries, count, max(numbers, default=-1), **settings)


def test_entries_of_new_and_old_servers() -> None:
    new = entry_of([7, 1_700_000_000, 1500, ["GET", "k"], "10.0.0.1:555", "web"])
    assert new is not None
    assert (new.number, new.ms, new.words, new.client) == (7, 1.5, ("GET", "k"), "web")
    unnamed = entry_of([7, 1_700_000_000, 1500, ["GET", "k"], "10.0.0.1:555", ""])
    assert unnamed is not None
    assert unnamed.client == "10.0.0.1"
    old = entry_of([7, 1_700_000_000, 1500, ["GET", "k"]])  # before Redis 4
    assert old is not None
    assert old.client == ""
    inside = entry_of([7, 1_700_000_000, 1500, ["GET", "k"], "?:0", ""])
    assert inside is not None
    assert inside.nested


_anything = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(), st.floats()),
    lambda inner: st.lists(inner, max_size=6),
    max_leaves=12,
)


@given(_anything)
def test_malformed_entries_never_raise(row: object) -> None:
    found = entry_of(row)
    assert found is None or slow_commands([found])


def test_commands_are_added_up_by_pattern() -> None:
    found = slow_commands(
        [
            entry("GET", "user:1", ms=10, client="web"),
            entry("GET", "user:2", ms=30, client="web"),
            entry("get", "user:3", ms=20, client="job"),
            entry("get", "user:3", ms=20, nested=True),
            entry("LRANGE", "queue", "0", "-1"),
            entry("LRANGE", "queue", "0", "9"),
        ]
    )
    by_text = {(one.statement.text, one.statement.nested): one for one in found}
    get = by_text["GET user:*", False]
    assert (get.statement.calls, get.statement.total_ms, get.statement.mean_ms) == (3, 60, 20)
    assert (get.statement.min_ms, get.statement.max_ms) == (10, 30)
    assert get.statement.stddev_ms == pytest.approx(8.16, abs=0.01)
    assert get.clients == ("web", "job")
    assert by_text["GET user:*", True].statement.calls == 1
    assert by_text["LRANGE queue", False].whole_reads == 1


def test_many_names_under_one_prefix_are_data() -> None:
    names = ["ann", "bob", "cid", "dan", "eve", "fay", "gus", "hal", "ivy"]
    (folded,) = slow_commands(entry("HGETALL", f"user:{name}") for name in names)
    assert folded.statement.text == "HGETALL user:*"
    few = slow_commands(entry("HGETALL", f"user:{name}") for name in names[:3])
    assert {one.statement.text for one in few} == {
        "HGETALL user:ann",
        "HGETALL user:bob",
        "HGETALL user:cid",
    }


@pytest.mark.parametrize(
    ("words", "whole"),
    [
        (("ZRANGE", "z", "0", "-1"), 1),
        (("ZRANGE", "z", "0", "99"), 0),
        (("ZRANGEBYSCORE", "z", "-inf", "+inf"), 1),
        (("ZRANGEBYSCORE", "z", "-inf", "+inf", "LIMIT", "0", "10"), 0),
        (("XRANGE", "s", "-", "+"), 1),
        (("XRANGE", "s", "-", "+", "COUNT", "10"), 0),
        (("GET", "z"), 0),
    ],
)
def test_whole_reads(words: tuple[str, ...], whole: int) -> None:
    (one,) = slow_commands([entry(*words)])
    assert one.whole_reads == whole


def test_what_is_lost() -> None:
    assert slowlog().lost == 0
    assert slowlog(0, 1, 2).lost == 0
    assert slowlog(10, 11, 12).lost == 10
    assert not slowlog(1, 2).is_full
    assert slowlog(1, 2, max_entries=2).is_full
    assert not slowlog(1, 2, max_entries=None).is_full
    assert not slowlog(max_entries=0).is_full


def test_an_interval_is_what_came_after_an_entry() -> None:
    found, lost = after(slowlog(5, 6, 7, 8), 6)
    assert [one.number for one in found.entries] == [7, 8]
    assert lost == 0
    found, lost = after(slowlog(105, 106), 100)
    assert [one.number for one in found.entries] == [105, 106]
    assert lost == 4  # 101 to 104
    found, lost = after(slowlog(0, 1), 100)  # the server was restarted
    assert [one.number for one in found.entries] == [0, 1]
    assert lost == 0
    assert after(slowlog(), 100) == (slowlog(), 0)
    assert after(slowlog(5, 6), 6)[0].entries == ()


def test_since_is_the_oldest_entry() -> None:
    young, old = entry("GET", "k"), replace(entry("GET", "k"), at=NOW - timedelta(hours=1))
    assert Slowlog((young, old), 2, 1, 10_000, 128, NOW).since == NOW - timedelta(hours=1)
    assert slowlog().since is None


def test_commandstats_between_two_readings() -> None:
    first = {"GET": Total(10, 1000), "SET": Total(5, 500), "DEL": Total(7, 70)}
    second = {"GET": Total(30, 5000), "SET": Total(5, 500), "DEL": Total(2, 20), "X": Total(1, 1)}
    found = {one.text: (one.calls, one.total_ms) for one in statements_between(first, second)}
    # DEL: CONFIG RESETSTAT in between.
    assert found == {"GET": (20, 4.0), "DEL": (2, 0.02), "X": (1, 0.001)}


def test_what_was_sent_to_look_is_left_out_of_commandstats() -> None:
    first = {"INFO": Total(10, 1000), "CONFIG GET": Total(1, 5)}
    second = {"INFO": Total(14, 1400), "CONFIG GET": Total(2, 10)}
    sent = {"INFO": 3, "CONFIG GET": 1}
    (one,) = statements_between(first, second, sent)
    assert (one.text, one.calls, one.total_ms) == ("INFO", 1, 0.1)
