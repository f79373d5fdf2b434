"""What is known already does not count; what is no longer accepted does."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from dbtune.accepted import Accepted
from dbtune.errors import UsageError
from dbtune.finding import Check, Finding, Level, Remedy, check
from dbtune.health.known import baseline_text, read_baseline, sort_out
from dbtune.health.report import Known, report
from dbtune.health.selection import select

TODAY = date(2027, 1, 15)


def finding(rule: str, subject: str) -> Finding:
    return Finding(subject, "much: 5", Remedy("less"), rule=rule, level=Level.warning)


UNUSED = finding("pg.unused-index", "public.a_idx")
LOCKED = finding("pg.blocked", "public.orders")


def test_an_acceptance_counts_up_to_its_last_day() -> None:
    accepted = Accepted("pg.unused-*", "needed in spring", "public.*", TODAY)
    parts = sort_out([UNUSED, LOCKED], [accepted], {}, TODAY)
    assert parts.new == (LOCKED,)
    assert parts.accepted == ((UNUSED, "needed in spring"),)
    later = sort_out([UNUSED, LOCKED], [accepted], {}, date(2027, 1, 16))
    assert later.new == (UNUSED, LOCKED)
    assert later.expired == (accepted,)


@pytest.mark.parametrize(
    "accepted", [Accepted("pg.other", "x"), Accepted("pg.unused-index", "x", "private.*")]
)
def test_what_an_acceptance_does_not_name_is_new(accepted: Accepted) -> None:
    assert sort_out([UNUSED], [accepted], {}, TODAY).new == (UNUSED,)


def test_a_baseline_holds_though_numbers_change(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(baseline_text([UNUSED, LOCKED]))
    worse = Finding(UNUSED.subject, "much: 9", Remedy("other"), rule=UNUSED.rule)
    parts = sort_out([worse], [], read_baseline(file), TODAY)
    assert (parts.new, parts.baseline, parts.gone) == ((), (worse,), 1)


def test_a_baseline_is_the_same_in_any_order() -> None:
    assert baseline_text([UNUSED, LOCKED]) == baseline_text([LOCKED, UNUSED])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "x", "findings": {}}', "\x00"])
def test_a_file_that_is_no_baseline(text: str, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(text)
    with pytest.raises(UsageError, match="--write-baseline writes one"):
        read_baseline(file)
    with pytest.raises(UsageError, match="No such file"):
        read_baseline(tmp_path / "none")


def made(name: str, *tags: str) -> Check:
    @check(name, tags=tags)
    def one(number: int) -> list[Finding]:
        """Too much of it."""
        return [Finding("it", f"{number} is too much", Remedy("less"))] if number > 1 else []

    return one


CHECKS = [made("pg.dead-rows", "vacuum"), made("pg.old-xid", "vacuum"), made("redis.slow", "cpu")]


@pytest.mark.parametrize(
    ("only", "exclude", "names"),
    [
        ((), (), "pg.dead-rows pg.old-xid redis.slow"),
        (("vacuum",), (), "pg.dead-rows pg.old-xid"),
        (("pg",), ("*xid",), "pg.dead-rows"),
        (("pg.old-xid", "cpu"), (), "pg.old-xid redis.slow"),
        ((), ("vacuum",), "redis.slow"),
    ],
)
def test_selection(only: tuple[str, ...], exclude: tuple[str, ...], names: str) -> None:
    assert [one.name for one in select(CHECKS, only, exclude)] == names.split()


def test_a_word_that_names_nothing_is_told_with_what_was_meant() -> None:
    with pytest.raises(UsageError, match="--only vacum: no such check or tag; did you mean vacuum"):
        select(CHECKS, ["vacum"])
    with pytest.raises(UsageError, match="no check is left"):
        select(CHECKS, ["pg"], ["pg"])


def test_every_check_has_a_verdict_and_skipped_is_not_clean() -> None:
    from dbtune.errors import Unavailable

    facts: dict[str, object] = {"number": 2}
    found, every = report(CHECKS, facts, Known(TODAY, (Accepted("redis.*", "so be it"),)), {})
    table = {row["check"]: (row["status"], row["known"]) for row in found.tables[0].rows}
    assert table == {
        "pg.dead-rows": ("warning", 0), "pg.old-xid": ("warning", 0), "redis.slow": ("ok", 1)
    }  # fmt: skip
    assert len(every) == 3
    assert json.loads(baseline_text(every))["findings"].keys() == {f.fingerprint for f in every}
    hidden, _ = report(CHECKS, {"number": Unavailable("no right")}, Known(TODAY), {})
    assert {row["status"] for row in hidden.tables[0].rows} == {"skipped"}
    assert hidden.tables[1].rows[0]["verdict"] == "skipped"
