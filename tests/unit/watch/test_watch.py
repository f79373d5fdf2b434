"""What a watch keeps, how often it reads, and what it tells: without a server."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.errors import UsageError
from dbtune.facts import Snapshot
from dbtune.watch.folder import INDEX, Folder, slug
from dbtune.watch.keep import superfluous
from dbtune.watch.pace import Pace
from dbtune.watch.store import Event, filled, periods

NOW = datetime(2026, 11, 29, 12, 0, 0, tzinfo=UTC)
DAY = 86_400.0


def snapshot(minutes_ago: float, target: str = "prod", **facts: object) -> Snapshot:
    at = NOW - timedelta(minutes=minutes_ago)
    return Snapshot("postgresql", {"name": target}, at, facts, "0.1.0")


# -------------------------------------------------------------------------------------- thinning


def test_recent_snapshots_stay_and_older_ones_thin_out() -> None:
    times = [NOW - timedelta(minutes=n) for n in range(7 * 24 * 60 + 500)]
    kept = set(times) - superfluous(times, NOW, 7 * DAY)
    ages = sorted((NOW - one).total_seconds() / 60 for one in kept)
    assert max(ages) <= 7 * 24 * 60
    assert sum(age <= 120 for age in ages) == 121
    assert sum(120 < age <= 2880 for age in ages) == pytest.approx(276, abs=2)
    assert sum(age > 2880 for age in ages) == pytest.approx(120, abs=2)


@given(
    st.lists(st.floats(0, 10 * DAY), max_size=200),
    st.floats(60, 10 * DAY),
)
def test_thinning_twice_is_thinning_once(ages: list[float], keep: float) -> None:
    times = {NOW - timedelta(seconds=age) for age in ages}
    once = times - superfluous(times, NOW, keep)
    assert superfluous(once, NOW, keep) == frozenset()
    assert all((NOW - one).total_seconds() <= keep for one in once)
    # No hole is larger than the step of that age: a period can always be found near.
    if times and (newest := max(times)) >= NOW - timedelta(seconds=min(keep, 7200)):
        assert newest in once


# ------------------------------------------------------------------------------------------ pace


def test_what_takes_long_is_read_seldom() -> None:
    now = [0.0]
    pace = Pace(0.01, lambda: now[0])

    def read(name: str, seconds: float) -> None:
        with pace.reading(name):
            now[0] += seconds

    read("relations", 2)
    read("settings", 0.01)
    now[0] += 60
    assert not pace.due("relations")
    assert pace.due("settings")
    now[0] = 200
    assert pace.due("relations")
    read("statements", 10)
    assert pace.due("statements")  # the counters that periods are made of


# ---------------------------------------------------------------------------------------- folder


def test_a_folder_gives_back_what_was_kept(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "history")
    for minutes in (3, 1, 2):
        folder.add(snapshot(minutes, "prod", number=minutes))
    folder.add(snapshot(1, "other"))
    entries = folder.entries("prod")
    assert [one.at for one in entries] == [NOW - timedelta(minutes=n) for n in (3, 2, 1)]
    assert folder.load(entries[0]).facts == {"number": 3}
    folder.log("prod", [Event(NOW, "regression", "worse", "warning", "compare.x", "it's")])
    assert [one.message for one in folder.events("prod")] == ["worse"]
    folder.remove(entries[:2])
    assert [one.at for one in folder.entries("prod")] == [NOW - timedelta(minutes=1)]
    assert len(list(folder.path.glob("*.json.gz"))) == 2
    folder.close()


def test_what_a_crash_left_is_put_right(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    first = folder.add(snapshot(3))
    second = folder.add(snapshot(2))
    folder.close()
    # A file that the index never heard of, one that is gone, half a file, somebody else's file.
    with sqlite3.connect(tmp_path / INDEX) as database:
        database.execute("DELETE FROM snapshots WHERE file = ?", (second.name,))
    (tmp_path / first.name).unlink()
    (tmp_path / "torn.json.gz").write_bytes(b"\x1f\x8b junk")
    (tmp_path / f".{second.name}.17").write_bytes(b"half")
    (tmp_path / "notes.json").write_text("{}")
    again = Folder(tmp_path)
    assert [one.name for one in again.entries()] == [second.name]
    again.close()


@pytest.mark.parametrize("damage", [b"this is no database, and never was one" * 99, b""])
def test_a_damaged_index_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    folder = Folder(tmp_path)
    kept = folder.add(snapshot(1))
    folder.close()
    (tmp_path / INDEX).write_bytes(damage)
    again = Folder(tmp_path)
    assert [one.name for one in again.entries()] == [kept.name]
    again.close()


def test_two_watchers_share_a_folder(tmp_path: Path) -> None:
    one, other = Folder(tmp_path), Folder(tmp_path)
    one.add(snapshot(2, "a"))
    other.add(snapshot(1, "b"))
    assert len(one.entries()) == len(other.entries()) == 2
    one.close()
    other.close()


def test_a_folder_that_can_not_be_used_is_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(UsageError, match="can't be used"):
        Folder(file)
    with pytest.raises(UsageError, match="no folder of snapshots"):
        Folder(tmp_path / "none", create=False)


@given(st.text(), st.text())
def test_names_of_files_are_safe_and_their_own(one: str, other: str) -> None:
    assert slug(one).isascii()
    assert slug(one).replace("-", "").isalnum()
    assert len(slug(one)) < 60
    assert (slug(one) == slug(other)) == (one == other)


# --------------------------------------------------------------------------------------- periods


def test_periods_around_a_change(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    for minutes in range(0, 200, 10):
        folder.add(snapshot(minutes))
    found = periods(folder, (), 3600, "here")
    assert [(NOW - one.collected_at).total_seconds() / 60 for one in found] == [120, 60, 0]
    with pytest.raises(UsageError, match="the first is of 3 h 10 min before it"):
        periods(folder, (), 86_400, "here")
    with pytest.raises(UsageError, match="has no snapshot of dev; it has: prod"):
        periods(folder, ("dev",), 3600, "here")
    folder.add(snapshot(0, "dev"))
    with pytest.raises(UsageError, match="several targets, name one: dev, prod"):
        periods(folder, (), 3600, "here")
    with pytest.raises(UsageError, match="holds one snapshot"):
        periods(folder, ("dev",), 3600, "here")
    folder.close()


def test_what_was_not_read_is_of_the_last_time_it_was(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.add(snapshot(3, relations="old", settings="a"))
    folder.add(snapshot(2, relations="new", settings="b"))
    folder.add(snapshot(1, settings="c"))
    entries = folder.entries()
    assert filled(folder, entries, entries[-1]).facts == {"relations": "new", "settings": "c"}
    assert json.loads(json.dumps(filled(folder, entries, entries[0]).facts)) == {
        "relations": "old",
        "settings": "a",
    }
    folder.close()
