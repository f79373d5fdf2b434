"""Exit codes of reports, and records."""

from __future__ import annotations

import pytest

from dbtune.errors import Exit
from dbtune.finding import Finding, Level, Remedy, Skipped
from dbtune.report import Column, Report, record


def report(*levels: Level | None, skipped: bool = False) -> Report:
    findings = tuple(Finding("s", "m", Remedy("r"), level=level) for level in levels)
    return Report("x", findings=findings, skipped=(Skipped("f", "r"),) if skipped else ())


INFO, WARNING, CRITICAL = Level.info, Level.warning, Level.critical


@pytest.mark.parametrize(
    ("levels", "skipped", "fail_on", "strict", "code"),
    [
        ((), False, CRITICAL, False, Exit.OK),
        ((CRITICAL,), False, None, False, Exit.OK),
        ((CRITICAL,), False, CRITICAL, False, Exit.FINDINGS),
        ((WARNING,), False, CRITICAL, False, Exit.OK),
        ((WARNING, INFO), False, WARNING, False, Exit.FINDINGS),
        ((INFO,), False, INFO, False, Exit.FINDINGS),
        ((None,), False, INFO, False, Exit.FINDINGS),
        ((None,), False, WARNING, False, Exit.OK),
        ((), True, CRITICAL, False, Exit.OK),
        ((), True, None, True, Exit.INCOMPLETE),
        ((CRITICAL,), True, CRITICAL, True, Exit.FINDINGS),
        ((WARNING,), True, CRITICAL, True, Exit.INCOMPLETE),
        ((), False, None, True, Exit.OK),
    ],
)
def test_exit_codes(
    levels: tuple[Level | None, ...], skipped: bool, fail_on: Level | None, strict: bool, code: Exit
) -> None:
    assert report(*levels, skipped=skipped).exit_code(fail_on, strict=strict) is code


def test_a_record_is_a_table_of_one_row() -> None:
    made = record("a", "A", [Column("b", "B", "int", "A number.")], {"b": 1}, footer="f")
    assert (made.record, made.rows, made.footer) == (True, ({"b": 1},), "f")
