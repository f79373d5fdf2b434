"""Every rule is documented, named alike, and listed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dbtune.cli.rules import CHECK_PACKAGES
from dbtune.finding import Check, load_checks
from tests.command import dbtune

PACKAGE = Path(__file__).parents[2] / "dbtune"
CHECKS = [check for package in CHECK_PACKAGES for check in load_checks(package)]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_rule_says_what_is_wrong_why_when_it_errs_and_what_to_do(check: Check) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z0-9]+(-[a-z0-9]+)*", check.name)
    assert check.title
    assert set(check.documentation) - {"Verify"} == {"Why", "Mistaken when", "Remedy"}
    assert check.needs, "a check without facts can find nothing"


def test_names_are_unique() -> None:
    names = [check.name for check in CHECKS]
    assert sorted(set(names)) == sorted(names)


def test_every_package_of_checks_is_listed() -> None:
    found = {
        ".".join(path.relative_to(PACKAGE.parent).parts)
        for path in PACKAGE.rglob("checks")
        if (path / "__init__.py").is_file()
    }
    assert found == set(CHECK_PACKAGES)


def test_rules_lists_and_explains_all() -> None:
    listed = dbtune("rules", "-f", "json").ok().json["rules"]
    assert [row["rule"] for row in listed] == sorted(check.name for check in CHECKS)
    one = dbtune("rules", CHECKS[0].name, "-f", "json").ok().json["rule"]
    assert one["rule"] == CHECKS[0].name
    wrong = dbtune("rules", CHECKS[0].name + "x")
    assert wrong.code == 2
    assert CHECKS[0].name in wrong.err
