"""Facts survive the way to a file and back; files that are none are refused in one sentence."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.codec import Mismatch, dump, load
from dbtune.errors import Unavailable, UsageError
from dbtune.facts import Fact, Live, Snapshot, gather, observe, read, write
from dbtune.postgres.facts.counting import seconds_between


class Colour(StrEnum):
    red = "red"
    blue = "blue"


class Point(NamedTuple):
    x: float
    y: float = 0.0


ORIGIN = Point(0.0)


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    at: datetime
    ratio: float
    parts: tuple[Part, ...]
    by_oid: Mapping[int, Part]
    by_name: Mapping[str, float] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    colour: Colour = Colour.red
    point: Point = ORIGIN
    pair: tuple[int, str] = (0, "")
    valid: bool = True
    anything: Any = None


def read_part(_session: object) -> Part:
    return Part("x")


PART = Fact("part", read_part)
texts = st.text()
parts = st.builds(Part, texts, st.none() | st.integers())
finite = st.floats(allow_nan=False)
wholes = st.builds(
    Whole,
    at=st.datetimes(timezones=st.just(UTC)),
    ratio=finite,
    parts=st.lists(parts).map(tuple),
    by_oid=st.dictionaries(st.integers(), parts),
    by_name=st.dictionaries(texts, finite),
    names=st.frozensets(texts),
    colour=st.sampled_from(Colour),
    point=st.builds(Point, finite, finite),
    pair=st.tuples(st.integers(), texts),
    valid=st.booleans(),
)


def snapshot(**facts: object) -> Snapshot:
    facts = {name: dump(value) for name, value in facts.items()}
    return Snapshot("postgresql", {"name": "x"}, datetime(2026, 1, 2, tzinfo=UTC), facts, "0.1")


@given(wholes)
def test_facts_come_back_as_they_were(whole: Whole) -> None:
    text = json.dumps(dump(whole), ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert load(Whole, json.loads(text.decode("utf-8", "surrogatepass"))) == whole


@given(wholes)
def test_a_file_comes_back_as_it_was_written(whole: Whole) -> None:
    made = snapshot(whole=whole)
    document = json.loads(gzip.decompress(write(made)).decode("utf-8", "surrogatepass"))
    assert load(Whole, document["facts"]["whole"]) == whole


def test_defaults_need_no_room_and_unknown_fields_are_passed_over() -> None:
    whole = Whole(datetime(2026, 1, 2, tzinfo=UTC), 0.5, (), {})
    data = dump(whole)
    assert set(data) == {"at", "ratio", "parts", "by_oid"}
    assert load(Whole, data | {"of_a_later_version": 1}) == whole


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"ratio": "much"}, "ratio: expected float, found 'much'"),
        ({"ratio": True}, "ratio: expected float, found True"),
        ({"at": "yesterday"}, "at: expected a time, found 'yesterday'"),
        ({"parts": {}}, "parts: expected a list, found {}"),
        ({"parts": [{"name": 1}]}, "parts: name: expected str, found 1"),
        ({"by_oid": {"a": {"name": ""}}}, "by_oid: expected a number as a key, found 'a'"),
        ({"colour": "green"}, "colour: no Colour: 'green'"),
        ({"pair": [1]}, "pair: expected 2 values, found 1"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, object], problem: str) -> None:
    data = dump(Whole(datetime(2026, 1, 2, tzinfo=UTC), 0.5, (), {}))
    with pytest.raises(Mismatch) as found:
        load(Whole, data | change)
    assert str(found.value) == problem


def test_a_missing_field_is_named() -> None:
    with pytest.raises(Mismatch, match="Part lacks name"):
        load(Part, {})


def test_what_could_not_be_read_then_cannot_be_read_now() -> None:
    def reader(_session: object) -> Part:
        raise Unavailable("no right", "GRANT it")

    part = Fact("part", reader)
    live: Live[object] = Live(object())
    found = gather(live, [part])["part"]
    assert isinstance(found, Unavailable)
    saved = snapshot(part=found)
    for source in (live, saved):
        with pytest.raises(Unavailable, match="no right") as missing:
            source.of(part)
        assert missing.value.remedy == "GRANT it"
    with pytest.raises(Unavailable, match="has no part"):
        snapshot().of(part)


def test_a_fact_is_read_once() -> None:
    calls = []

    def reader(_session: object) -> Part:
        calls.append(1)
        return Part("x")

    live: Live[object] = Live(object())
    part = Fact("part", reader)
    assert live.of(part) == live.of(part) == Part("x")
    assert len(calls) == 1
    assert part.kind is Part


def _refusal(path: Path) -> str:
    with pytest.raises(UsageError) as found:
        read(path)
    assert "\n" not in str(found.value)
    return str(found.value)


def test_files_that_are_no_snapshots(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert "can't be read: No such file" in _refusal(path)
    assert "can't be read: Is a directory" in _refusal(tmp_path)
    whole = write(snapshot(part=Part("x")))
    later = gzip.decompress(whole).replace(b"dbtune.snapshot/1", b"dbtune.snapshot/2")
    for content, words in (
        (b"", "is empty"),
        (b"SELECT 1", "is not JSON"),
        (b"[]", "no snapshot of dbtune"),
        (b'{"schema": 1}', "no snapshot of dbtune"),
        (whole[:-5], "not a whole gzip file"),
        (whole[:3] + b"junk", "not a whole gzip file"),
        (later, "upgrade"),
        (b'{"schema": "dbtune.snapshot/1"}', "is damaged: Snapshot lacks"),
        (b"[" * 100_000, "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
    ):
        path.write_bytes(content)
        assert words in _refusal(path), content[:40]


@given(st.data())
def test_damaged_files_end_in_a_sentence(data: st.DataObject) -> None:
    content = bytearray(write(snapshot(part=Part("x", 5))))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(content))
        file.flush()
        with contextlib.suppress(UsageError, Unavailable):
            read(Path(file.name)).of(PART)


def test_a_clock_that_is_set_back_leaves_what_is_counted_unknown() -> None:
    looks = iter([datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 11, tzinfo=UTC)])

    def passed(one: datetime, two: datetime) -> datetime:
        return one + timedelta(seconds=seconds_between(one, two))

    counted: Fact[None, datetime] = Fact("counted", lambda _: next(looks), between=passed)
    found = observe(None, [counted], lambda _: None)["counted"]
    assert isinstance(found, Unavailable)
    assert "clock was set back" in found.reason


def test_a_snapshot_of_another_engine_is_refused() -> None:
    with pytest.raises(UsageError, match="snapshot of PostgreSQL; this needs MongoDB"):
        snapshot().require("mongodb")
