"""SARIF, JUnit and GitHub annotations: valid, complete, and nothing breaks out of them."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.finding import Confidence, Finding, Level, Remedy, Skipped
from dbtune.render import render
from dbtune.report import Report

HOSTILE = "a\x1b[31m\n::error::x %0A <b>&]]>\"'\x00\u202e`|"


def finding(rule: str, level: Level, text: str = "t", file: str = "", line: int = 0) -> Finding:
    return Finding(
        subject=text,
        message=f"message {text}",
        remedy=Remedy(f"do {text}", sql="SELECT 1;"),
        evidence={"bytes": 1},
        level=level,
        confidence=Confidence.measured,
        rule=rule,
        why=f"why {text}",
        file=file,
        line=line,
    )


def report(text: str = "t") -> Report:
    return Report(
        "check",
        findings=(
            finding("pg.bad", Level.critical, text),
            finding("pg.meh", Level.warning, text, "plans/a,b:c.json", 7),
            finding("pg.fyi", Level.info, text),
        ),
        skipped=(Skipped("pg.unseen", f"no privilege {text}"),),
        examined=("pg.bad", "pg.meh", "pg.fyi", "pg.clean", "pg.unseen"),
    )


def test_sarif_has_each_finding_with_level_place_and_fingerprint() -> None:
    (run,) = json.loads(render(report(), "sarif"))["runs"]
    assert [result["level"] for result in run["results"]] == ["error", "warning", "note"]
    first, second, _ = run["results"]
    assert first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "dbtune.yaml"
    assert second["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "plans/a,b:c.json"},
        "region": {"startLine": 7},
    }
    rules = run["tool"]["driver"]["rules"]
    assert rules[first["ruleIndex"]]["id"] == first["ruleId"] == "pg.bad"
    assert first["partialFingerprints"]["dbtune/v1"] == report().findings[0].fingerprint
    (notification,) = run["invocations"][0]["toolExecutionNotifications"]
    assert "pg.unseen" in notification["message"]["text"]


def test_junit_tells_failed_passed_and_skipped_apart() -> None:
    suite = ET.fromstring(render(report(), "junit"))[0]
    cases = {case.get("name", "").partition(":")[0]: case for case in suite}
    assert suite.get("tests") == str(len(list(suite))) == "5"
    assert (suite.get("failures"), suite.get("skipped")) == ("2", "1")
    assert cases["pg.bad"].find("failure") is not None
    assert cases["pg.meh"].find("failure") is not None
    assert cases["pg.fyi"].find("failure") is None
    assert list(cases["pg.clean"]) == []
    assert cases["pg.unseen"].find("skipped") is not None


def test_github_annotations_show_the_worst_and_count_the_rest() -> None:
    many = Report(
        "check", findings=tuple(finding("pg.x", Level.warning, str(n)) for n in range(13))
    )
    lines = render(many, "github").splitlines()
    assert len(lines) == 11
    assert lines[-1] == "::warning title=dbtune::3 more warning findings"
    text = render(report(), "github")
    assert "::warning title=pg.meh,file=plans/a%2Cb%3Ac.json,line=7::" in text
    assert text.splitlines()[0].startswith("::error title=pg.bad::")
    assert "no findings" in render(Report("check"), "github")


@pytest.mark.parametrize("name", ["sarif", "junit", "github"])
def test_nothing_breaks_out(name: str) -> None:
    text = render(report(HOSTILE), name)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    if name == "github":
        assert all(line.startswith("::") for line in text.splitlines())
        assert text.count("\n::") == 3, "one line for each finding and skipped item"


@given(st.text(max_size=80))
def test_any_text_gives_well_formed_documents(text: str) -> None:
    json.loads(render(report(text), "sarif"))
    ET.fromstring(render(report(text), "junit"))
    assert len(render(report(text), "github").splitlines()) == 4


def test_gitlab_has_each_finding_with_place_and_fingerprint() -> None:
    first, second, third = json.loads(render(report(), "gitlab"))
    assert [one["severity"] for one in (first, second, third)] == ["critical", "major", "info"]
    assert first["location"] == {"path": "dbtune.yaml", "lines": {"begin": 1}}
    assert second["location"] == {"path": "plans/a,b:c.json", "lines": {"begin": 7}}
    assert first["fingerprint"] == report().findings[0].fingerprint
    assert json.loads(render(Report("check"), "gitlab")) == []


@pytest.mark.parametrize(
    ("levels", "skipped", "code", "word"),
    [
        ((), 0, 0, "OK"),
        ((Level.info,), 0, 0, "OK"),
        ((Level.info,), 1, 3, "UNKNOWN"),
        ((Level.warning, Level.info), 1, 1, "WARNING"),
        ((Level.critical, Level.warning), 0, 2, "CRITICAL"),
    ],
)
def test_nagios_has_a_line_that_its_exit_code_agrees_with(
    levels: tuple[Level, ...], skipped: int, code: int, word: str
) -> None:
    from dbtune.render.nagios import exit_code

    made = Report(
        "check",
        findings=tuple(finding("pg.bad", level, HOSTILE) for level in levels),
        skipped=(Skipped("pg.unseen", "no | right"),) * skipped,
        examined=("pg.bad",),
    )
    first, *rest = render(made, "nagios").rstrip("\n").split("\n")
    assert exit_code(made) == code
    assert re.fullmatch(
        rf"DBTUNE {word} - [^|]+ \| critical=\d+ warning=\d+ info=\d+ skipped={skipped}", first
    )
    assert not any("|" in line or "\x1b" in line for line in rest)
