"""What is counted, whatever the format, and however a log is cut into blocks and parts."""

from __future__ import annotations

import gzip
import io
import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.codec import dump
from dbtune.errors import UsageError
from dbtune.logs import parts as reading
from dbtune.logs.files import expand
from dbtune.logs.read import count_blocks, look, read
from dbtune.postgres.logs import digest as digesting
from dbtune.postgres.logs import stream as streaming
from dbtune.postgres.logs.count import NOT_LOGGED
from dbtune.postgres.logs.detect import detect
from dbtune.postgres.logs.digest import Digest
from dbtune.postgres.logs.formats import LogFormat
from dbtune.postgres.logs.kind import POSTGRES
from dbtune.postgres.logs.stream import Wanted
from tests.command import dbtune

SAMPLES = Path(__file__).parent / "samples"
ALL = Wanted()
FORMS = ("log", "csv", "json")
HEAD = "2026-11-28 21:{:02d}:00.000 UTC [{}] app@shop "


def digest(text: str | bytes, wanted: Wanted = ALL, size: int = 1 << 20) -> Digest:
    """The digest of a log that comes in blocks of a size."""
    data = text.encode() if isinstance(text, str) else text
    found = Digest()
    blocks = (data[at : at + size] for at in range(0, len(data), size))
    detected = detect(data[:400_000], "log", wanted.format, wanted.prefix)
    count_blocks(POSTGRES, blocks, "log", detected, wanted, found)
    found.settle()
    return found


def lines(*messages: str | tuple[int, str], minute: int = 0) -> str:
    """A log of these messages; with a process if it is another than 1."""
    pairs = [one if isinstance(one, tuple) else (1, one) for one in messages]
    return "".join(HEAD.format(minute, pid) + message + "\n" for pid, message in pairs)


def calls(found: Digest) -> dict[str, int]:
    return {one.text: one.calls for one in found.statements.values() if one.calls}


# --- blocks and parts ------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_the_size_of_blocks_makes_no_difference(form: str) -> None:
    text = (SAMPLES / f"pg18.{form}").read_bytes()
    whole = dump(digest(text))
    for size in (37, 1000, 4096, 20_000):
        assert dump(digest(text, size=size)) == whole


@pytest.mark.parametrize("form", FORMS)
@given(st.data())
def test_parts_add_up(form: str, data: st.DataObject) -> None:
    """Read in two parts, every count is that of the whole; sessions go on in neither."""
    text = (SAMPLES / f"pg18.{form}").read_bytes()
    detected = detect(text, "log")
    cut = data.draw(st.integers(0, len(text) - 1))
    start = detected.format.start(text[cut:])
    cut = len(text) if start < 0 else cut + start
    both = Digest()
    for part in (text[:cut], text[cut:]):
        one = Digest()
        count_blocks(POSTGRES, iter([part]), "log", detected, Wanted(), one)
        both.merge(one)
    both.settle()
    whole = digest(text)
    assert both.seen.records == whole.seen.records
    assert calls(both) == calls(whole)
    for name in ("errors", "cancelled", "temp_files", "vacuums", "checkpoints", "connections"):
        assert rounded(getattr(both.events, name)) == rounded(getattr(whole.events, name)), name
    totals = [sum(one.total_ms for one in each.statements.values()) for each in (both, whole)]
    assert totals[0] == pytest.approx(totals[1])


def rounded(value: object) -> Any:
    """As JSON, with sums that do not depend on their order."""

    def walk(one: Any) -> Any:
        if isinstance(one, float):
            return float(f"{one:.9g}")
        if isinstance(one, dict):
            return {key: walk(item) for key, item in one.items()}
        return [walk(item) for item in one] if isinstance(one, list) else one

    return walk(dump(value))


def test_several_processes_read_what_one_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_LEAST_PART", 5000)
    path = tmp_path / "server.log"
    path.write_bytes((SAMPLES / "pg18.log").read_bytes() * 3)
    alone, together = (read(POSTGRES, [str(path)], Wanted(jobs=jobs)) for jobs in (1, 3))
    assert calls(alone) == calls(together)
    assert alone.seen.records == together.seen.records
    assert together.seen.skipped_lines == 0


def test_a_process_that_meets_an_error_says_so(tmp_path: Path) -> None:
    good, bad = tmp_path / "a.log", tmp_path / "b.log"
    good.write_text(lines("LOG:  duration: 1.0 ms  statement: SELECT 1"))
    bad.write_text("no log at all\n")
    with pytest.raises(UsageError, match="its first line is: no log at all"):
        read(POSTGRES, [str(good), str(bad)], Wanted(jobs=2))


# --- statements ------------------------------------------------------------------------------


def test_constants_are_folded_but_not_numbers_in_names() -> None:
    found = digest(
        lines(
            *(
                f"LOG:  duration: 1.0 ms  statement: SELECT {n} FROM t1 WHERE a = 'x{n}'"
                for n in (1, 22)
            ),
            "LOG:  duration: 1.0 ms  statement: SELECT 3 FROM t2 WHERE a = 'y'",
            "LOG:  duration: 1.0 ms  statement: SELECT 4 FROM t2 WHERE a = 'it''s -- no comment'",
            'LOG:  duration: 1.0 ms  statement: SELECT 4 FROM "t2" WHERE a = 5',
            "LOG:  duration: 1.0 ms  statement: SELECT 1 /* no. 17 */ FROM t2 WHERE a = E'\\'1'",
            "LOG:  duration: 1.0 ms  statement: SELECT 1 /* no. 18 */ FROM t2 WHERE a = $x$2$x$",
        )
    )
    assert calls(found) == {
        "SELECT $1 FROM t1 WHERE a = $2": 2,
        "SELECT $1 FROM t2 WHERE a = $2": 4,
        'SELECT $1 FROM "t2" WHERE a = $2': 1,
    }


def test_durations_of_a_statement() -> None:
    values = [0.5, 2.0, 3.0, 4.0, 1000.0]
    found = digest(lines(*(f"LOG:  duration: {one:.3f} ms  statement: SELECT 1" for one in values)))
    [one] = found.statements.values()
    assert (one.calls, one.total_ms, one.min_ms, one.max_ms) == (5, 1009.5, 0.5, 1000.0)
    assert one.squares == pytest.approx(sum(value**2 for value in values))
    assert sum(one.buckets.values()) == 5
    assert one.hours["2026-11-28 21 UTC"].count == 5
    assert one.users["app"].total == 1009.5


def test_parse_bind_and_execute() -> None:
    found = digest(
        lines(
            "LOG:  duration: 1.0 ms  parse s1: SELECT a FROM t WHERE b = $1",
            "LOG:  duration: 2.0 ms  bind s1: SELECT a FROM t WHERE b = $1",
            "DETAIL:  parameters: $1 = '5'",
            "LOG:  duration: 4.0 ms  execute s1: SELECT a FROM t WHERE b = $1",
            "DETAIL:  parameters: $1 = '5'",
            "LOG:  duration: 8.0 ms  execute fetch from s1/c: SELECT a FROM t WHERE b = $1",
        )
    )
    [one] = found.statements.values()
    assert (one.calls, one.total_ms, one.planning_ms) == (1, 12.0, 3.0)
    assert found.events.other == 0


def test_a_statement_logged_before_its_duration() -> None:
    """log_statement = all with log_duration = on: two records, of several sessions mixed."""
    found = digest(
        lines(
            (1, "LOG:  statement: SELECT 1"),
            (2, "LOG:  execute <unnamed>: SELECT a\n\tFROM t"),
            (2, "DETAIL:  parameters: $1 = '5'"),
            (1, "LOG:  duration: 1.5 ms"),
            (2, "LOG:  duration: 2.5 ms"),
            (3, "LOG:  duration: 3.5 ms"),
        )
    )
    assert {one.text: one.total_ms for one in found.statements.values()} == {
        "SELECT $1": 1.5,
        "SELECT a FROM t": 2.5,
        NOT_LOGGED: 3.5,
    }


def test_plans_count_only_where_durations_are_not_logged() -> None:
    plan = (
        "LOG:  duration: 5.0 ms  plan:\n\tQuery Text: SELECT 1\n\tResult  (cost=0.00..0.01 rows=1)"
    )
    alone = digest(lines(plan, plan))
    assert not alone.has_durations
    [one] = alone.plans.values()
    assert (one.text, one.calls, one.total_ms) == ("SELECT $1", 2, 10.0)
    both = digest(lines(plan, "LOG:  duration: 5.1 ms  statement: SELECT 1"))
    assert both.has_durations
    assert calls(both) == {"SELECT $1": 1}


def test_bursts_have_a_parent() -> None:
    messages = []
    for start in range(0, 60, 6):
        messages.append(
            f"LOG:  duration: 1.0 ms  statement: SELECT id FROM list WHERE owner = {start}"
        )
        messages += [
            f"LOG:  duration: 0.1 ms  statement: SELECT * FROM item WHERE id = {start + n}"
            for n in range(6)
        ]
    found = digest(lines(*messages))
    child = next(one for one in found.statements.values() if "item" in one.text)
    parent = next(key for key, one in found.statements.items() if "list" in one.text)
    assert (child.bursts, child.burst_calls, child.parents) == (10, 60, {parent: 10})


def test_sessions_are_told_apart() -> None:
    """Six statements in a row of six sessions are no burst."""
    found = digest(
        lines(
            *(
                (pid, "LOG:  duration: 0.1 ms  statement: SELECT * FROM item WHERE id = 1")
                for pid in range(6)
            )
        )
    )
    [one] = found.statements.values()
    assert (one.calls, one.bursts) == (6, 0)


@pytest.mark.parametrize("ended", [False, True])
def test_lock_waits_name_who_holds_the_lock(ended: bool) -> None:
    """Even where the end of the holder's transaction stands first, as lines of two sessions may."""
    wait = "LOG:  process 2 {} ShareLock on transaction 9 after {} ms"
    end = (1, "LOG:  duration: 0.1 ms  statement: ROLLBACK")
    found = digest(
        lines(
            (1, "LOG:  duration: 1.0 ms  statement: UPDATE t SET a = 5 WHERE b = 1"),
            *([end] if ended else []),
            (2, wait.format("still waiting for", "1000.5")),
            (2, "DETAIL:  Process holding the lock: 1. Wait queue: 2."),
            (2, "STATEMENT:  DELETE FROM t WHERE b = 1"),
            (1, "LOG:  duration: 0.1 ms  statement: COMMIT"),
            (2, wait.format("acquired", "3000.25")),
            (2, "STATEMENT:  DELETE FROM t WHERE b = 1"),
        )
    )
    [one] = found.events.lock_waits.waits.values()
    assert one.statement == "DELETE FROM t WHERE b = $1"
    assert one.blocked_by == "UPDATE t SET a = $1 WHERE b = $2"
    assert (one.count, one.total_ms, one.max_ms, one.unfinished) == (1, 3000.25, 3000.25, 0)
    assert one.lock == "ShareLock on transaction"


def test_long_statements_are_bounded_by_their_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digesting, "_MOST_TEXT", 20_000)
    text = "".join(
        lines(f"LOG:  duration: {n}.0 ms  statement: SELECT {', '.join(['a'] * 900)} FROM t{n}")
        for n in range(1, 61)
    )
    found = digest(text)
    assert sum(len(one.text) for one in found.statements.values()) <= 20_000
    assert all(len(key) < 1000 for key in found.statements)
    kept = sum(one.calls for one in found.statements.values())
    assert kept + found.left_out.count == 60
    assert {round(one.total_ms) for one in found.statements.values()} == set(range(61 - kept, 61))


# --- which records, from where -----------------------------------------------------------------


def test_since_until_database_and_user() -> None:
    statement = "LOG:  duration: 1.0 ms  statement: SELECT 1"
    text = "".join(lines(statement, minute=minute) for minute in range(10))
    assert calls(digest(text, Wanted(since="2026-11-28 21:07"))) == {"SELECT $1": 3}
    assert calls(digest(text, Wanted(since="2026-11-28 21:02", until="2026-11-28 21:05"))) == {
        "SELECT $1": 3
    }
    assert calls(digest(text, Wanted(database="shop", user="app"))) == {"SELECT $1": 10}
    assert calls(digest(text, Wanted(database="other"))) == {}


def test_files_patterns_folders_and_compressed_ones(tmp_path: Path) -> None:
    text = lines("LOG:  duration: 1.0 ms  statement: SELECT 1")
    (tmp_path / "a.log").write_text(text)
    (tmp_path / "b.log.gz").write_bytes(gzip.compress(text.encode() * 3))
    (tmp_path / "notes.txt").write_text("nothing")
    names = expand([str(tmp_path)])
    assert [Path(one).name for one in names] == ["a.log", "b.log.gz"]
    assert names == expand([str(tmp_path / "*.log*")])
    assert calls(read(POSTGRES, names, Wanted())) == {"SELECT $1": 4}
    with pytest.raises(UsageError, match="there is no such file"):
        expand([str(tmp_path / "c.log")])


def test_a_gzip_file_that_breaks_off(tmp_path: Path) -> None:
    text = "".join(lines(f"LOG:  duration: 1.0 ms  statement: SELECT {n}") for n in range(20_000))
    path = tmp_path / "a.log.gz"
    path.write_bytes(gzip.compress(text.encode())[:-2000])
    found = read(POSTGRES, [str(path)], Wanted())
    assert 10_000 < calls(found)["SELECT $1"] < 20_000
    assert "archive" in found.seen.damaged[0]


@pytest.mark.parametrize(
    ("error", "statement", "duration"),
    [
        ("FEHLER", "ANWEISUNG", "Dauer: 7.598 ms  Anweisung: SELECT 1"),
        ("ERREUR", "INSTRUCTION\u00a0", "durée : 7.598 ms, instruction : SELECT 1"),
        ("ERROR", "文", "期間: 7.598 ミリ秒  文: SELECT 1"),
        ("ОШИБКА", "ОПЕРАТОР", "продолжительность: 7.598 мс, оператор: SELECT 1"),
    ],
)
def test_in_another_language_errors_are_read_and_the_rest_is_said(
    tmp_path: Path, error: str, statement: str, duration: str
) -> None:
    path = tmp_path / "x.log"
    path.write_text(lines(f"LOG:  {duration}", f"{error}:  / 0", f"{statement}:  SELECT 1/0") * 5)
    told = dbtune("slow-queries", "--log", str(path), "-f", "json").ok().json
    (found,) = told["errors"]
    assert (found["level"], found["count"], found["statement"]) == ("ERROR", 5, "SELECT $1/$2")
    assert "messages are not in English" in str(told["skipped"])
    assert told["log"]["skipped_lines"] == 0


def test_words_that_were_lost_with_their_encoding_are_no_damage(tmp_path: Path) -> None:
    """Before it knows the client's encoding, a session writes ? for what is not ASCII."""
    path = tmp_path / "x.log"
    path.write_text(
        lines('FATAL:  ????"w"?????', '??:  ???pg_hba.conf??3???: "host all"', "?????:  ??????")
        + lines("ERROR:  0 による除算が行われました", "文:  SELECT 1/0") * 5
    )
    told = dbtune("slow-queries", "--log", str(path), "-f", "json").ok().json
    assert told["log"]["skipped_lines"] == 0
    by_level = {one["level"]: one["count"] for one in told["errors"]}
    assert by_level == {"FATAL": 1, "ERROR": 5}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("hello\nworld\n", "no log of PostgreSQL's"),
        ("2026-11-28 21:00:00 CET [1] HATA:  sıfıra bölünme\n", "messages in English"),
    ],
)
def test_what_is_no_log_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "x.log"
    path.write_text(text)
    result = dbtune("slow-queries", "--log", str(path))
    assert result.code == 2
    assert words in result.err
    assert len(result.err.splitlines()) == 1


def test_a_wrong_prefix_or_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(lines("LOG:  duration: 1.0 ms  statement: SELECT 1"))
    wrong = dbtune("slow-queries", "--log", str(path), "--log-line-prefix", "%t|%u|")
    assert wrong.code == 2
    assert "do not begin with '%t|%u|'" in wrong.err
    wrong = dbtune("slow-queries", "--log", str(path), "--log-format", "csv")
    assert wrong.code == 2
    assert "not in the format csv" in wrong.err
    wrong = dbtune("slow-queries", "--log", str(path), "--since", "yesterday")
    assert wrong.code == 2
    assert "'yesterday' is no time" in wrong.err
    late = dbtune("slow-queries", "--log", str(path), "--since", "2027-01-01")
    assert late.code == 2
    assert "--since" in late.err


# --- hostile input -----------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@given(st.data())
def test_bytes_that_were_changed(form: str, data: st.DataObject) -> None:
    text = bytearray((SAMPLES / f"pg18.{form}").read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(text) - 1))
        match data.draw(st.sampled_from(("set", "insert", "delete", "repeat"))):
            case "set":
                text[at] = data.draw(st.integers(0, 255))
            case "insert":
                text[at:at] = data.draw(st.binary(max_size=30))
            case "delete":
                del text[at : at + data.draw(st.integers(1, 400))]
            case _:
                text[at:at] = text[at : at + data.draw(st.integers(1, 400))]
    found = digest(bytes(text), size=data.draw(st.sampled_from((1 << 20, 5000))))
    assert found.seen.records > 100
    assert found.seen.skipped_lines <= 100


def test_binary_junk_between_records_is_counted() -> None:
    record = lines("LOG:  duration: 1.0 ms  statement: SELECT 1").encode()
    junk = bytes(range(256)).replace(b"\n", b"").replace(b"\r", b"") + b"\n"
    found = digest((record * 20 + junk) * 5)
    assert calls(found) == {"SELECT $1": 100}
    assert found.seen.skipped_lines == 5
    assert found.seen.examples


def test_half_lines_at_both_ends() -> None:
    text = lines(*["LOG:  duration: 1.0 ms  statement: SELECT 1"] * 50)
    found = digest(text[60:-20])
    assert calls(found) == {"SELECT $1": 48, "SELECT": 1} or calls(found)["SELECT $1"] == 48
    assert found.seen.skipped_lines == 1


def test_a_line_longer_than_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "_LONGEST", 100_000)
    record = lines("LOG:  duration: 1.0 ms  statement: SELECT 1").encode()

    def blocks() -> Any:
        yield record * 100
        yield from itertools.repeat(b"x" * 10_000, 1000)
        yield b"\n" + record * 100

    found = Digest()
    detected = detect(record, "log")
    count_blocks(POSTGRES, blocks(), "log", detected, Wanted(), found)
    assert calls(found) == {"SELECT $1": 200}
    assert found.seen.skipped_lines == 1


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(lines(*["LOG:  duration: 1.0 ms  statement: SELECT 1"] * 5).encode())

    monkeypatch.setattr("sys.stdin", Stdin())
    found = dbtune("slow-queries", "--log", "-", "-f", "json").ok().json
    assert found["statements"][0]["calls"] == 5


def test_a_named_format(tmp_path: Path) -> None:
    path = tmp_path / "rds.log"
    path.write_text(
        "2026-11-28 21:00:00 UTC:10.0.0.7(5000):app@shop:[1]:LOG:  "
        "duration: 1.0 ms  statement: SELECT 1\n"
        "2026-11-28 21:00:01 UTC::@:[2]:LOG:  checkpoint starting: time\n"
    )
    detected = look(POSTGRES, str(path), Wanted(format=LogFormat.rds))
    assert detected.format.prefix == "%t:%r:%u@%d:[%p]:"
    [one] = read(POSTGRES, [str(path)], Wanted(format=LogFormat.rds)).statements.values()
    assert [*one.hosts] == ["10.0.0.7"]
