"""The list of planted problems agrees with the files that plant and the rules that find them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dbtune.demo
from dbtune.cli.rules import CHECK_PACKAGES
from dbtune.demo.planted import PLANTED, Planted, planted_table
from dbtune.demo.shop import APPS
from dbtune.finding import Finding, Remedy, load_checks
from dbtune.report import Column, Report, Table

FOLDER = Path(dbtune.demo.__file__).parent
FILES = [*FOLDER.glob("sql/*.sql"), *FOLDER.glob("workload/*.sql")]
TEXT = "".join(path.read_text() for path in FILES)
FROM_ELSEWHERE = {"settings-at-defaults", "dangerous-settings", "idle-in-transaction"}
"""Planted by shop.py."""


def test_no_problem_is_listed_twice() -> None:
    places = [(one.name, one.where) for one in PLANTED]
    assert len(places) == len(set(places)) == len(PLANTED)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda one: f"{one.name} {one.where}")
def test_each_problem_is_named_where_it_is_planted(planted: Planted) -> None:
    assert planted.name in FROM_ELSEWHERE or planted.name in TEXT


def test_the_files_plant_nothing_that_is_not_listed() -> None:
    named = set(re.findall(r"^-- ([a-z]+(?:-[a-z]+)+)\b", TEXT, re.MULTILINE))
    named |= set(re.findall(r'see "([a-z-]+)"', TEXT))
    assert named - {one.name for one in PLANTED} == set()


def test_rules_of_planted_problems_exist() -> None:
    rules = {check.name for package in CHECK_PACKAGES for check in load_checks(package)}
    assert {one.rule for one in PLANTED if one.rule} <= rules


def test_every_script_is_run_by_an_application() -> None:
    run = [name for app in APPS for name in app.scripts]
    assert sorted(run) == sorted(path.stem for path in FOLDER.glob("workload/*.sql"))


def report_with(rule: str, subject: str) -> Report:
    finding = Finding(subject=subject, message="", remedy=Remedy(""), rule=rule)
    return Report("slow-queries", findings=(finding,))


def test_a_problem_is_found_by_its_rule_on_its_object_only() -> None:
    planted = Planted("x", "", "SELECT a FROM t", "slow-queries", "pg.x")
    assert planted.found_in([report_with("pg.x", "SELECT a FROM t WHERE b = $1")]) is True
    assert planted.found_in([report_with("pg.y", "SELECT a FROM t WHERE b = $1")]) is False
    assert planted.found_in([report_with("pg.x", "SELECT c FROM t")]) is False
    assert Planted("x", "", "t", "check").found_in([report_with("pg.x", "t")]) is None


def test_settings_are_found_when_all_of_them_would_be_changed() -> None:
    planted = Planted("x", "", "fsync, jit", "gen-config")
    columns = (Column("setting", "", "text", ""),)

    def changing(*names: str) -> list[Report]:
        rows = tuple({"setting": name} for name in names)
        return [Report("gen-config postgresql", (Table("changes", "", columns, rows),))]

    assert planted.found_in(changing("jit", "fsync", "work_mem")) is True
    assert planted.found_in(changing("jit")) is False
    assert planted.found_in([]) is None


def test_the_table_counts_and_says_which_commands_are_to_come() -> None:
    table = planted_table([], {"slow-queries", "gen-config", "suggest-indexes", "explain", "check"})
    assert len(table.rows) == len(PLANTED)
    assert table.footer.endswith("still to come: bloat")
    assert f"{len(PLANTED)} problems" in table.footer
