"""Logs that nobody would write: there is a report all the same, and what is lost is told."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbtune.errors import UsageError
from dbtune.logs.read import read
from dbtune.postgres.logs.detect import detect
from dbtune.postgres.logs.digest import Digest
from dbtune.postgres.logs.kind import POSTGRES
from dbtune.postgres.logs.stream import Stream, Wanted
from dbtune.postgres.logs.workload import workload
from tests.command import dbtune

SAMPLES = Path(__file__).parent / "samples"
FORMS = ("log", "csv", "json")
HEAD = "2026-11-28 21:00:{:02d}.000 {} [{}] {}@{} "
STATEMENT = "LOG:  duration: 1.000 ms  statement: "


def line(
    message: str, second: int = 0, zone: str = "UTC", pid: int = 1, user: str = "app"
) -> bytes:
    return (HEAD.format(second, zone, pid, user, "shop") + message + "\n").encode()


def report(path: Path, content: bytes, *options: str) -> Any:
    """What is said of a log, as a user gets it."""
    path.write_bytes(content)
    result = dbtune("slow-queries", "--log", str(path), "-f", "json", "-n", "1000", *options)
    assert result.err == ""
    found = result.ok().json
    jsonschema.validate(found, dbtune("schema", "slow-queries").ok().json)
    return found


# ------------------------------------------------------------------------------------- any bytes


@settings(max_examples=60)
@given(st.binary(max_size=3000))
def test_any_bytes_are_a_log_or_a_sentence(data: bytes) -> None:
    try:
        detected = detect(data, "log")
    except UsageError as error:
        sentence = str(error)
    else:
        sentence = ""
    if sentence:
        assert len(sentence.splitlines()) == 1
        return
    stream = Stream(detected, Wanted(samples=2), Digest())
    stream.feed(data)
    stream.finish()


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=25)
@given(st.data())
def test_lines_torn_shuffled_and_mixed_with_bytes(form: str, data: st.DataObject) -> None:
    """Every line is a record, a part of one, or counted as skipped; samples and events as well."""
    lines = (SAMPLES / f"pg18.{form}").read_bytes().splitlines(keepends=True)
    order = data.draw(st.permutations(range(len(lines))))
    torn = [lines[at][: data.draw(st.integers(0, 400))] for at in order[:10]]
    junk = data.draw(st.lists(st.binary(max_size=200), max_size=5))
    text = b"".join([*torn, *(lines[at] for at in order[10:]), *junk])
    detected = detect((SAMPLES / f"pg18.{form}").read_bytes(), "log")
    digest = Digest()
    stream = Stream(detected, Wanted(samples=2, show_parameters=True), digest)
    for at in range(0, len(text), 7000):
        stream.feed(text[at : at + 7000])
    stream.finish()
    digest.settle()
    assert digest.seen.records + digest.seen.skipped_lines > 0
    assert len(digest.seen.examples) <= 5


@pytest.mark.parametrize("form", FORMS)
def test_a_gigabyte_line(form: str, tmp_path: Path) -> None:
    """A sparse file: half a record, then nothing but NULs, then the log goes on."""
    text = (SAMPLES / f"pg18.{form}").read_bytes()
    path = tmp_path / f"big.{form}"
    with path.open("wb") as file:
        file.write(text + text[:150])
        file.truncate(file.tell() + 1_000_000_000)
        file.seek(0, 2)
        file.write(b"\n" + text)
    before = read(POSTGRES, [str(SAMPLES / f"pg18.{form}")], Wanted(jobs=1))
    found = read(POSTGRES, [str(path)], Wanted(jobs=1))
    assert found.seen.bytes >= 1_000_000_000
    assert 2 * before.seen.records - 1 <= found.seen.records <= 2 * before.seen.records
    assert 1 <= found.seen.skipped_lines <= 2


# --------------------------------------------------------------------------------- what is in them


def test_nul_bytes_crlf_and_mixed_encodings(tmp_path: Path) -> None:
    content = b"".join(
        [
            line(STATEMENT + "SELECT 1").replace(b"\n", b"\r\n") * 3,
            line(STATEMENT + 'SELECT a FROM "Stra\xdfe"'.encode("latin-1").decode("latin-1")),
            line(STATEMENT + 'SELECT a FROM "X"').replace(b"X", "Straße".encode()),
            line(STATEMENT + 'SELECT a FROM "X"').replace(b"X", "Straße".encode("latin-1")),
            line(STATEMENT + "SELECT 'X'").replace(b"X", b"\x00\xff\xfe"),
        ]
    )
    found = report(tmp_path / "x.log", content)
    calls = {one["statement"].strip(): one["calls"] for one in found["statements"]}
    assert calls == {"SELECT $1": 4, 'SELECT a FROM "Straße"': 3}
    assert found["log"]["skipped_lines"] == 0


def test_utf_16_as_powershell_writes_it(tmp_path: Path) -> None:
    content = (line(STATEMENT + "SELECT 1") * 3).decode().encode("utf-16")
    assert report(tmp_path / "x.log", content)["statements"][0]["calls"] == 3


def test_escapes_and_markup_do_nothing(tmp_path: Path) -> None:
    bad = 'SELECT "\x1b[2J\x1b]0;owned\x07[bold red]x[/]<script>alert(1)</script>|`" FROM t'
    content = (line(STATEMENT + bad) + line("ERROR:  \x1b[31m[red]no[/] |\x00<b>")) * 3
    path = tmp_path / "x.log"
    report(path, content)
    for form in ("table", "markdown", "html", "csv", "ndjson", "sarif", "junit", "github"):
        shown = dbtune("slow-queries", "--log", str(path), "-f", form, "--wide").ok().out
        assert "\x1b" not in shown
        assert "\x07" not in shown
        if form == "html":
            assert "<script>alert" not in shown
        if form == "table":
            assert "[bold red]x[/]" in shown, "markup stands there as it is"
    checked = dbtune("check", "--log", str(path)).ok().out
    assert "\x1b" not in checked


def test_several_servers_in_one_file(tmp_path: Path) -> None:
    """Lines of two servers, with the same process numbers, at their own pace."""
    one = [line(STATEMENT + f"SELECT a FROM t{n % 2}", n, pid=7) for n in range(10)]
    other = [line(STATEMENT + "SELECT b FROM u", 30 + n, pid=7, user="web") for n in range(5)]
    mixed = [part for pair in zip(one, [*other, *other], strict=True) for part in pair]
    found = report(tmp_path / "x.log", b"".join(mixed))
    assert {row["statement"]: row["calls"] for row in found["statements"]} == {
        "SELECT a FROM t0": 5,
        "SELECT a FROM t1": 5,
        "SELECT b FROM u": 10,
    }
    assert {row["name"]: row["calls"] for row in found["spent_by"] if row["by"] == "user"} == {
        "app": 10,
        "web": 10,
    }


def test_clocks_that_go_back_and_change_to_winter_time(tmp_path: Path) -> None:
    summer = line(STATEMENT + "SELECT 1", 50, "CEST").replace(b"11-28 21:00", b"10-25 02:59")
    winter = line(STATEMENT + "SELECT 1", 10, "CET").replace(b"11-28 21:00", b"10-25 02:00")
    early = line(STATEMENT + "SELECT 1", 0, "CEST").replace(b"11-28 21:00", b"10-25 01:30")
    found = report(tmp_path / "x.log", summer * 5 + winter * 5 + early * 5)
    assert found["statements"][0]["calls"] == 15
    assert found["log"]["first_at"] == "2026-10-24T23:30:00Z"
    assert found["summary"]["window_seconds"] > 0
    assert sum(one["calls"] for one in found["hours"]) == 15
    assert [one["hour"][:13] for one in found["hours"]] == ["2026-10-24T23", "2026-10-25T00"]


def test_of_an_hour_only_what_the_log_is_of_counts(tmp_path: Path) -> None:
    six_seconds = STATEMENT.replace("1.000", "6000.000") + "SELECT 1"
    short = line(six_seconds, 10) + line(six_seconds, 20) + line(six_seconds, 22)
    (hour,) = report(tmp_path / "x.log", short)["hours"]
    assert hour["mean_active"] == 1.5  # 18 s of work in 12 s
    (hour,) = report(tmp_path / "y.log", line(six_seconds))["hours"]
    assert hour["mean_active"] == 1.0  # it began before it was logged
    late = line(six_seconds).replace(b" 21:00", b" 23:00")
    first, last = report(tmp_path / "z.log", line(six_seconds) + late)["hours"]
    assert first["mean_active"] == pytest.approx(6 / 3600, rel=1e-3)
    assert last["mean_active"] == 1.0


def test_hours_are_those_of_the_logs_zone(tmp_path: Path) -> None:
    found = report(tmp_path / "x.log", line(STATEMENT + "SELECT 1", zone="+05"))
    assert found["hours"][0]["hour"] == "2026-11-28T16:00:00Z"
    assert found["statements"][0]["hours"][0]["start"] == "2026-11-28T21:00:00+05:00"


@pytest.mark.parametrize("suffix", ["gz", "log"])
def test_what_was_skipped_is_told(tmp_path: Path, suffix: str) -> None:
    content = line(STATEMENT + "SELECT 1") * 50 + b"password=hunter2 and '4711'\n" * 3
    content += b"\x00\x01\x02\n"
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(gzip.compress(content) if suffix == "gz" else content)
    found = dbtune("slow-queries", "--log", str(path), "-f", "json").ok()
    assert found.json["log"]["skipped_lines"] == 4
    [told] = [one for one in found.json["skipped"] if one["what"] == "lines of the log"]
    assert told["reason"].startswith("4 lines (7.4 %)")
    assert "4711" not in found.out
    strict = dbtune("slow-queries", "--log", str(path), "-f", "json", "--strict")
    assert strict.code == 4


# ----------------------------------------------------------------------------------- new users


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("mysql.log", "/usr/sbin/mysqld, Version: 8.0.36. started with:\n", "a log of MySQL"),
        ("m.log", '{"t":{"$date":"x"},"s":"I","c":"COMMAND","id":1}\n', "no structured log"),
        (
            "pgbouncer.log",
            "2026-11-28 21:00:00.000 UTC [1] LOG kernel file descriptor limit: 1024\n",
            "PgBouncer",
        ),
        ("redis.log", "77:M 28 Nov 2026 21:00:00.000 * Ready to accept connections\n", "Redis"),
        ("empty.log", "", "is empty"),
        ("blank.log", "\n\n\n", "is empty"),
    ],
)
def test_other_logs_are_named(tmp_path: Path, name: str, content: str, words: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    result = dbtune("slow-queries", "--log", str(path))
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert words in result.err


def test_mistakes_with_files(tmp_path: Path) -> None:
    cut = tmp_path / "cut.log.gz"
    cut.write_bytes(gzip.compress(line(STATEMENT + "SELECT 1") * 1000)[:40])
    secret = tmp_path / "secret.log"
    secret.write_bytes(line(STATEMENT + "SELECT 1"))
    secret.chmod(0)
    cases = {
        str(tmp_path / "no*.log"): "there is no such file",
        str(cut): "the archive is damaged near its beginning",
        str(tmp_path / "void"): "there is no log in it",
    }
    (tmp_path / "void").mkdir()
    if os.geteuid():
        cases[str(secret)] = "can't be read: Permission denied"
    for name, words in cases.items():
        result = dbtune("slow-queries", "--log", name)
        assert (result.code, len(result.err.splitlines())) == (2, 1)
        assert words in result.err


def test_what_is_no_log_in_a_folder_is_passed_over_and_told(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(line(STATEMENT + "SELECT 1") * 5)
    (tmp_path / "b.log").write_text("hello\n")
    (tmp_path / "c.log").write_text("")
    found = dbtune("slow-queries", "--log", str(tmp_path), "-f", "json").ok().json
    assert found["statements"][0]["calls"] == 5
    [told] = [one for one in found["skipped"] if one["what"] == "parts of the logs"]
    assert "b.log is no log" in told["reason"]
    (tmp_path / "a.log").unlink()
    assert "b.log is no log" in dbtune("slow-queries", "--log", str(tmp_path)).err


def test_formats_side_by_side_are_told() -> None:
    """What log_destination = 'stderr,csvlog' writes is the same twice."""
    both = dbtune(
        *("slow-queries", "--log", str(SAMPLES / "pg18.log"), str(SAMPLES / "pg18.csv")),
        *("-f", "json"),
    ).ok()
    assert any("several formats (csvlog, stderr)" in note for note in both.json["notes"])
    one = dbtune("slow-queries", "--log", str(SAMPLES / "pg18.log"), "-f", "json").ok()
    assert not any("several formats" in note for note in one.json["notes"])


@pytest.mark.parametrize("width", ["80", "200"])
def test_tables_keep_to_the_width(width: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = dbtune("slow-queries", "--log", str(SAMPLES / "pg18.log"), env={"COLUMNS": width}).ok()
    assert max(map(len, shown.out.splitlines())) <= int(width)


# ------------------------------------------------------------------------------------- masking


def test_no_constant_of_any_event_is_shown_unless_asked_for(tmp_path: Path) -> None:
    secret = "tops3cret"
    messages = [
        f"{STATEMENT}SELECT '{secret}'",
        f'ERROR:  invalid input syntax for type integer: "{secret}"',
        f"STATEMENT:  INSERT INTO t VALUES ('{secret}')",
        'ERROR:  duplicate key value violates unique constraint "k"',
        f"DETAIL:  Key (name)=({secret}) already exists.",
        f"LOG:  duration: 9.0 ms  execute s1: SELECT $1, '{secret}'",
        f"DETAIL:  parameters: $1 = '{secret}'",
        "FATAL:  canceling statement due to statement timeout",
        f"STATEMENT:  SELECT pg_sleep(1), '{secret}'",
        'LOG:  temporary file: path "base/pgsql_tmp/x", size 5',
        f"STATEMENT:  SELECT '{secret}' ORDER BY 1",
        f"junk with '{secret}'",
    ]
    content = b"".join(line(one) for one in messages[:-1]) + f"{messages[-1]}\n".encode()
    path = tmp_path / "x.log"
    path.write_bytes(content * 5)
    for form in ("json", "table", "html", "csv"):
        assert secret not in dbtune("slow-queries", "--log", str(path), "-f", form).ok().out
    assert secret not in dbtune("check", "--log", str(path), "-f", "json").out
    shown = dbtune("slow-queries", "--log", str(path), "-f", "json", "--show-parameters").ok().out
    assert secret in shown
    state = tmp_path / "state"
    dbtune("slow-queries", "--log", str(path), "--state", str(state)).ok()
    assert secret.encode() not in gzip.decompress(state.read_bytes())
    assert any(secret in text for one in workload([str(path)]).statements for text in one.samples)


# --------------------------------------------------- the same as from pg_stat_statements


def test_the_summary_and_statements_have_the_same_fields(tmp_path: Path) -> None:
    schema = dbtune("schema", "slow-queries").ok().json
    found = report(tmp_path / "x.log", line(STATEMENT + "SELECT 1") * 5)
    items = schema["properties"]["statements"]["items"]["properties"]
    assert set(found["statements"][0]) == set(items)
    assert json.dumps(found["statements"][0])
