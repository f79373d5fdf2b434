"""Logs of MongoDB: what is counted, what is passed over, and that nothing in a log breaks it."""

from __future__ import annotations

import gzip
import io
import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from dbtune.logs import parts
from dbtune.logs.files import expand
from dbtune.logs.read import read
from dbtune.mongo.logs import digest as digests
from dbtune.mongo.logs.count import Counting
from dbtune.mongo.logs.digest import Digest
from dbtune.mongo.logs.entries import LONGEST, entry_of, looks_like_mongo
from dbtune.mongo.logs.kind import MONGODB
from dbtune.mongo.logs.report import report
from dbtune.mongo.logs.stream import Wanted
from dbtune.mongo.logs.structure import structure
from dbtune.mongo.shape import shape_of
from dbtune.statements import Selection
from tests.command import dbtune

SLOW: dict[str, Any] = {
    "type": "command",
    "ns": "shop.orders",
    "appName": "web",
    "command": {"find": "orders", "filter": {"status": "new"}, "$db": "shop"},
    "planSummary": "COLLSCAN",
    "keysExamined": 0,
    "docsExamined": 5000,
    "numYields": 5,
    "nreturned": 10,
    "remote": "10.0.0.7:1234",
    "durationMillis": 200,
}


def entry(
    msg: str = "Slow query",
    number: int = 51803,
    attr: dict[str, Any] | None = None,
    at: str = "2026-11-28T10:00:00.000+00:00",
    **more: Any,
) -> str:
    head = {"t": {"$date": at}, "s": "I", "c": "COMMAND", "id": number, "ctx": "conn1"}
    return json.dumps({**head, "msg": msg, "attr": attr or {}, **more})


def slow(at: str = "2026-11-28T10:00:00.000+00:00", c: str = "COMMAND", **attr: Any) -> str:
    return entry(attr={**SLOW, **attr}, at=at, c=c)


def digest(*lines: str, **wanted: str) -> Digest:
    found = Digest()
    counting = Counting(found, **wanted)
    counting.feed(line.encode() for line in lines)
    counting.finish()
    return found


def texts(found: Digest) -> dict[str, int]:
    return {one.shape.text: one.calls for one in found.shapes.values()}


# ------------------------------------------------------------------------------------- operations


def test_what_operations_did_is_added_up() -> None:
    found = digest(
        slow(), slow(durationMillis=400, command={**SLOW["command"], "limit": 3}), slow()
    )
    assert texts(found) == {
        "shop.orders.find({status: ?})": 2,
        "shop.orders.find({status: ?}).limit(?)": 1,
    }
    one = found.shapes["shop.orders.find({status: ?})"].query()
    told = one.statement
    assert (told.total_ms, told.mean_ms, told.max_ms) == (400, 200, 200)
    assert (told.docs_examined, told.keys_examined, told.rows, told.yields) == (10_000, 0, 20, 10)
    assert (one.collection_scans, told.plan_summary) == (2, "COLLSCAN")
    assert (told.applications, told.hosts, told.databases) == (("web",), ("10.0.0.7",), ("shop",))
    assert told.p95_ms == pytest.approx(200, rel=0.03)
    assert [hour.calls for hour in told.hours] == [2]


def test_values_of_every_length_are_one_shape() -> None:
    filters = [{"_id": {"$in": [*range(count)]}} for count in (1, 2, 30)]
    filters += [{"_id": {"$in": [{"$oid": f"{n:024x}"} for n in range(3)]}}]
    found = digest(*(slow(command={"find": "orders", "filter": one}) for one in filters))
    assert texts(found) == {"shop.orders.find({_id: {$in: [?]}})": 4}


def test_a_getmore_is_part_of_its_query() -> None:
    found = digest(
        slow(cursorid=77),
        slow(
            command={"getMore": 77, "collection": "orders"},
            originatingCommand=SLOW["command"],
            cursorid=77,
        ),
    )
    one = found.shapes["shop.orders.find({status: ?})"]
    assert (one.calls, one.total_ms, found.operations) == (1, 400, 2)


def test_a_getmore_whose_query_was_not_logged_counts_once() -> None:
    more = slow(command={"getMore": 5}, originatingCommand=SLOW["command"], cursorid=5)
    assert texts(digest(more, more, more)) == {"shop.orders.find({status: ?})": 1}


def test_a_write_and_its_command_count_once() -> None:
    statement = slow(
        c="WRITE", type="update", command={"q": {"a": 1}, "u": {"$set": {"b": 2}}}, nMatched=1
    )
    command = {"update": "orders", "ordered": True, "$db": "shop"}
    whole = slow(ns="shop.$cmd", command=command, durationMillis=210)
    assert texts(digest(statement, whole)) == {"shop.orders.updateOne({a: ?}, {$set: {b: ?}})": 1}
    # Many statements, none of them slow, in a command that is.
    alone = digest(whole)
    assert texts(alone) == {"shop.orders.update()": 1}
    assert alone.shapes["shop.orders.update()"].total_ms == 210


def test_of_a_time_and_of_a_database() -> None:
    lines = [slow(at=f"2026-11-28T{hour:02}:00:00.000+00:00") for hour in (9, 10, 11)]
    other = slow(ns="crm.people")
    found = digest(
        *lines, other, since="2026-11-28T10:00", until="2026-11-28T11:00", database="shop"
    )
    assert texts(found) == {"shop.orders.find({status: ?})": 1}


def test_dbtunes_own_operations_are_left_out() -> None:
    assert texts(digest(slow(appName="dbtune"))) == {}


def test_errors_sorts_and_conflicts() -> None:
    found = digest(
        slow(errCode=291, errName="NoQueryExecutionPlans", errMsg="secret 4711"),
        slow(hasSortStage=True, usedDisk=True, writeConflicts=3),
    )
    (one,) = (each.query() for each in found.shapes.values())
    assert (one.failures, one.memory_sorts, one.disk_uses, one.write_conflicts) == (1, 1, 1, 3)
    assert "4711" not in repr(found)


# ---------------------------------------------------------------------------- what else it tells


def test_connections_elections_and_messages() -> None:
    remote = {"remote": "10.0.0.7:40000", "connectionCount": 5}
    driver = {"driver": {"name": "PyMongo", "version": "4.9"}, "application": {"name": "web"}}
    found = digest(
        entry("Connection accepted", 22943, remote),
        entry("Connection accepted", 22943, remote | {"connectionCount": 6}),
        entry("Connection ended", 22944, remote),
        entry("client metadata", 51800, {"doc": driver}),
        entry("Authentication failed", 20249, {"principalName": "bob"}),
        entry(
            "Replica set state transition", 21358, {"oldState": "SECONDARY", "newState": "PRIMARY"}
        ),
        entry("MongoDB starting", 4615611, {"port": 27017, "host": "db1"}),
        entry("Plan executor error", 23798, {"error": {"codeName": "QueryExceeded"}}, s="E"),
    )
    made = {table.name: table.rows for table in report(found, Selection(), names=[""]).tables}
    (connections,) = made["connections"]
    assert connections["received"] == 2
    assert (connections["ended"], connections["refused"], connections["most_open_connections"]) == (
        1,
        1,
        6,
    )
    by = {(row["by"], row["name"]): row["count"] for row in made["connections_by"]}
    assert by == {("host", "10.0.0.7"): 2, ("application", "web"): 1, ("driver", "PyMongo 4.9"): 1}
    assert {(row["kind"], row["message"]) for row in made["history"]} == {
        ("state", "SECONDARY → PRIMARY"),
        ("start", "MongoDB starting (host db1, port 27017)"),
    }
    assert made["messages"][0]["level"] == "error"
    assert made["messages"][0]["code"] == "QueryExceeded"


# ------------------------------------------------------------------------------------------ files


def write(path: Path, lines: Iterable[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_however_it_is_packed(tmp_path: Path) -> None:
    text = "".join(f"{slow()}\n" for _ in range(5)).encode()
    (tmp_path / "a.log").write_bytes(text)
    (tmp_path / "b.log.gz").write_bytes(gzip.compress(text))
    (tmp_path / "c.log.zst").write_bytes(zstandard.compress(text))
    container = [json.dumps({"log": f"{slow()}\n", "stream": "stdout"}) for _ in range(5)]
    write(tmp_path / "d.log", container)
    for name in ("a.log", "b.log.gz", "c.log.zst", "d.log"):
        assert texts(read(MONGODB, [str(tmp_path / name)], Wanted())) == {
            "shop.orders.find({status: ?})": 5
        }, name
    whole = read(MONGODB, expand([str(tmp_path / "*.log*")]), Wanted())
    assert texts(whole) == {"shop.orders.find({status: ?})": 20}


def test_a_damaged_archive_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "mongod.log.gz"
    path.write_bytes(gzip.compress("".join(f"{slow()}\n" for _ in range(5)).encode())[:-9])
    found = read(MONGODB, [str(path)], Wanted())
    assert texts(found) == {"shop.orders.find({status: ?})": 5}
    assert "the end of the archive is missing" in found.seen.damaged[0]


def test_several_processes_read_what_one_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_LEAST_PART", 5000)
    lines = [
        slow(durationMillis=n, command={"find": "orders", "filter": {f"f{n % 7}": n}})
        for n in range(200)
    ]
    lines += [entry("Connection accepted", 22943, {"remote": "10.0.0.7:1"}) for _ in range(50)]
    path = write(tmp_path / "mongod.log", lines)
    alone, together = (read(MONGODB, [str(path)], Wanted(jobs=jobs)) for jobs in (1, 3))
    assert alone == together
    assert alone.seen.records == 250


def test_text_of_old_versions_is_refused(tmp_path: Path) -> None:
    line = "2020-05-20T19:17:06.188+0000 I  COMMAND  [conn1] command shop.orders find 120ms"
    result = dbtune("slow-queries", "--log", str(write(tmp_path / "old.log", [line] * 3)))
    assert result.code == 2
    assert "MongoDB 4.2 or older" in result.err
    assert len(result.err.splitlines()) <= 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--log-format", "csv"], "--log-format is for logs of PostgreSQL"),
        (["--user", "bob"], "--user"),
        (["--by", "wal"], "--by wal"),
        (["--since", "2031-01-01"], "no record of the logs is of that time"),
        (["--since", "yesterday"], "is no time"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path: Path, options: list[str], said: str) -> None:
    path = write(tmp_path / "mongod.log", [slow()])
    result = dbtune("slow-queries", "--log", str(path), *options)
    assert result.code == 2
    assert said in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_standard_input(pack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(f"{slow()}\n" for _ in range(3)).encode()
    pipe = io.TextIOWrapper(io.BufferedReader(io.BytesIO(pack(text))))
    monkeypatch.setattr("sys.stdin", pipe)
    result = dbtune("slow-queries", "--log", "-", "-f", "json").ok()
    assert result.json["statements"][0]["calls"] == 3
    assert result.json["statements"][0]["docs_per_row"] == 500


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_named_pipe(pack: Any, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = pack("".join(f"{slow()}\n" for _ in range(3000)).encode())
    writer = threading.Thread(target=pipe.write_bytes, args=(text,))
    writer.start()
    result = dbtune("slow-queries", "--log", str(pipe), "-f", "json").ok()
    writer.join()
    assert result.json["statements"][0]["calls"] == 3000


# ---------------------------------------------------------------------------------------- hostile


def test_what_an_operation_locked_is_passed_over_and_nothing_else() -> None:
    locks = {"Global": {"acquireCount": {"r": 2}}, "Mutex": {"acquireCount": {"r": 1}}}
    after = {"readConcern": {"level": "local"}, "durationMillis": 7}
    plain = json.loads(slow())["attr"] | {"reslen": 5}
    found = [
        entry_of(json.dumps(one, separators=(",", ":")).encode())
        for one in (
            {"t": {}, "msg": "Slow query", "attr": plain | {"locks": locks} | after},
            {"t": {}, "msg": "Slow query", "attr": plain | {"locks": {}} | after},
            {"t": {}, "msg": "Slow query", "attr": plain | {"command": {"a": {"locks": locks}}}},
        )
    ]
    told = [one["attr"] for one in found if one is not None]
    assert told[0] == plain | after
    assert {key: told[1][key] for key in after} == after
    assert told[2]["command"] == {"a": {"locks": locks}}


def test_text_that_is_no_utf8_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mongod.log"
    path.write_bytes(slow(appName="w\xe9b").encode().replace(b"\\u00e9", b"\xe9") + b"\n")
    found = read(MONGODB, [str(path)], Wanted())
    assert texts(found) == {"shop.orders.find({status: ?})": 1}
    assert found.seen.skipped_lines == 0


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "MOST_SHAPES", 5)
    monkeypatch.setattr(digests, "_MOST_CELLS", 30)
    filters = [{f"f{chr(97 + n % 20)}": 1} for n in range(1000)]
    found = digest(
        *(
            slow(
                at=f"2026-11-{1 + n // 40:02}T{n % 24:02}:00:00.000Z",
                command={"find": "orders", "filter": one},
                durationMillis=1000 if "fa" in one else 1,
            )
            for n, one in enumerate(filters)
        )
    )
    assert len(found.shapes) == 5
    assert sum(len(one.hours) for one in found.shapes.values()) <= 60
    assert found.shapes["shop.orders.find({fa: ?})"].calls == 50  # the weightiest stays whole
    kept = sum(one.calls for one in found.shapes.values())
    assert kept + found.left_out.count == found.operations == 1000


def test_what_is_no_entry_is_counted(tmp_path: Path) -> None:
    lines = [slow(), "panic: not json", '{"t": 5}', "[" * 100_000, slow()[:-5], slow()]
    path = write(tmp_path / "mongod.log", [*lines, "x" * (LONGEST + 10), slow()])
    found = read(MONGODB, [str(path)], Wanted())
    assert texts(found) == {"shop.orders.find({status: ?})": 3}
    assert found.seen.skipped_lines == 5


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 10**20)
    | st.floats()
    | st.text("$^ab.\\", max_size=5)
)
names = st.sampled_from(
    "find filter sort a b $in $or $and $match $group from pipeline limit $gt".split()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
)


@given(st.lists(values, max_size=5), values, values, values)
def test_nothing_in_an_entry_breaks_it(
    numbers: list[Any], attr: Any, command: Any, stamp: Any
) -> None:
    keys = ("durationMillis", "docsExamined", "ns", "planSummary", "cursorid")
    told = SLOW | dict(zip(keys, numbers, strict=False)) | {"command": command, "storage": attr}
    lines = [
        json.dumps({"t": {"$date": stamp}, "id": 51803, "msg": "Slow query", "attr": attr}),
        entry(attr=attr),
        entry(attr=told),
        entry(attr=told | {"command": {"getMore": 1}, "originatingCommand": command}),
        entry(msg=command, number=stamp, attr=attr),
        *(
            entry("x", number, {"doc": attr, "config": command, "error": stamp, "remote": attr})
            for number in (22943, 51800, 21358, 21392, 23403)
        ),
    ]
    found = digest(*lines)
    for table in report(found, Selection(), names=[""]).tables:
        assert all(row.keys() == {column.name for column in table.columns} for row in table.rows)
    assert found.seen.records + found.seen.skipped_lines == len(lines)


commands = st.builds(
    lambda filter_, sort, limit, skip: {
        "find": "orders", "filter": filter_, "sort": sort, "limit": limit, "skip": skip
    },
    st.dictionaries(st.sampled_from("abc"), values, max_size=3),
    st.dictionaries(st.sampled_from("abc"), st.sampled_from((1, -1)), max_size=2),
    st.integers(0, 30),
    st.integers(0, 30),
) | st.builds(
    lambda stages: {"aggregate": "orders", "pipeline": stages},
    st.lists(st.dictionaries(names, values, max_size=2), max_size=3),
)  # fmt: skip


def shape_text(command: dict[str, Any]) -> str:
    return shape_of({"op": "command", "ns": "shop.orders", "command": command}).text


@given(commands, st.randoms(use_true_random=False))
def test_equal_structures_have_equal_shapes(command: dict[str, Any], random: Any) -> None:
    """The same with other values: most of them have the same structure, and so the same shape."""

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: changed(one) for key, one in value.items()}
        if isinstance(value, list):
            return [changed(one) for one in value for _ in range(random.choice((1, 1, 2)))]
        if isinstance(value, str) and not value.startswith(("$", "^", "\\")):
            return random.choice(("x", "", "y.z"))
        if isinstance(value, int) and value > 1:
            return random.randint(2, 99)
        return value

    other = changed(command)
    if structure(command) == structure(other):
        assert shape_text(command) == shape_text(other)


def test_logs_of_others_are_not_taken_for_mongodbs() -> None:
    assert looks_like_mongo(slow().encode())
    assert looks_like_mongo(b'{ "t" : { "$date" : "2026-11-28T10:00:00.000Z" }, "s" : "I" }')
    assert not looks_like_mongo(b"2026-11-28 10:00:00.000 UTC [1] LOG:  checkpoint starting\n")
    assert not looks_like_mongo(b'{"timestamp":"2026-11-28 10:00:00.000 UTC","pid":1}\n')
