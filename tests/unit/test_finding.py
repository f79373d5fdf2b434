"""Checks: facts by name, thresholds, what is skipped, order, fingerprints, documentation."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

import pytest

from dbtune.errors import Unavailable, UsageError
from dbtune.finding import (
    Check,
    Confidence,
    Finding,
    Level,
    Remedy,
    check,
    load_checks,
    run_checks,
    sort_findings,
    without_served,
)


@check("test.too-many", level=Level.critical, confidence=Confidence.estimated)
def too_many(apples: int, pears: int, *, most: int = 10, share: float = 0.5) -> Iterator[Finding]:
    """Too many fruits.

    Why: They rot.

    Mistaken when: It is
    winter.

    Remedy: Eat them.
    """
    if apples + pears > most:
        yield Finding("basket", f"{apples + pears} fruits", Remedy("eat"))
    if apples > share * pears:
        yield Finding("a", "apples", Remedy("eat"), level=Level.info, why="Its own reason.")


def ran(
    apples: object = 1, pears: object = 5, **thresholds: object
) -> tuple[list[Finding], list[str]]:
    facts = {"apples": apples, "pears": pears}
    found, skipped = run_checks([too_many], facts, {"test.too-many": thresholds})
    return found, [f"{one.what}: {one.reason} [{one.remedy}]" for one in skipped]


def test_facts_are_injected_by_name() -> None:
    assert too_many.needs == ("apples", "pears")
    assert too_many.thresholds == {"most": 10, "share": 0.5}
    assert ran() == ([], [])
    assert [finding.message for finding in ran(pears=50)[0]] == ["51 fruits"]


def test_what_a_finding_does_not_say_its_check_does() -> None:
    worst, least = ran(apples=9, pears=9)[0]
    assert (worst.rule, worst.level, worst.confidence) == (
        *("test.too-many", Level.critical, Confidence.estimated),
    )
    assert (worst.why, worst.mistaken_when) == ("They rot.", "It is winter.")
    assert (least.level, least.why) == (Level.info, "Its own reason.")


def test_thresholds_can_be_overridden_by_name() -> None:
    assert len(ran(pears=50, most=100)[0]) == 0
    with pytest.raises(UsageError, match="has no threshold 'least'; it has: most, share"):
        ran(least=1)
    for wrong in ("5", True, None, [1]):
        with pytest.raises(UsageError, match=r"threshold most of test\.too-many must be a number"):
            ran(most=wrong)


def test_a_fact_that_is_missing_makes_the_check_skipped() -> None:
    missing = Unavailable("not allowed", "GRANT it;")
    assert ran(apples=missing) == ([], ["test.too-many: not allowed [GRANT it;]"])
    assert ran(pears=None) == ([], ["test.too-many: pears not read []"])
    assert run_checks([too_many], {})[1][0].reason == "apples not read"
    # Zero and nothing are facts, too.
    assert ran(apples=0, pears=0) == ([], [])


def test_order_is_by_level_and_name_and_does_not_depend_on_the_input() -> None:
    findings = [
        Finding(subject, "m", Remedy("r"), rule=rule, level=level)
        for rule in ("b", "a")
        for subject in ("2", "1")
        for level in (Level.info, Level.critical, Level.warning)
    ]
    ordered = sort_findings(findings)
    assert ordered == sort_findings(reversed(findings))
    assert [f.level for f in ordered] == [Level.critical] * 4 + [Level.warning] * 4 + [
        Level.info
    ] * 4
    assert {f.rule for f in ordered[:2]} == {"a"}


def test_a_fingerprint_is_made_of_rule_and_subject_only() -> None:
    one = Finding("table t", "12 rows", Remedy("r"), {"rows": 12}, rule="x", level=Level.info)
    same = Finding("table t", "99 rows", Remedy("s"), {"rows": 99}, rule="x", level=Level.critical)
    assert one.fingerprint == same.fingerprint == one.fingerprint
    others = [
        Finding("table u", "", Remedy(""), rule="x"),
        Finding("table t", "", Remedy(""), rule="y"),
    ]
    assert len({one.fingerprint, *(other.fingerprint for other in others)}) == 3
    # Baselines live long: this value may never change.
    assert one.fingerprint == "ca87dc3e0abe64cc"


def test_what_another_finding_serves_is_left_out_by_rule() -> None:
    index = Finding("t (a)", "m", Remedy("make it"), rule="missing", serves=("SELECT 1",))
    scan = Finding("SELECT 1", "m", Remedy("an index"), rule="scan")
    skip = Finding("SELECT 1", "m", Remedy("page by key"), rule="skip")
    other = Finding("SELECT 2", "m", Remedy("an index"), rule="scan")
    assert without_served([scan, index, skip, other], {"scan"}) == [index, skip, other]


def test_documentation() -> None:
    assert too_many.title == "Too many fruits"
    assert too_many.documentation == {
        "Why": "They rot.",
        "Mistaken when": "It is winter.",
        "Remedy": "Eat them.",
    }
    bare = check("test.bare")(lambda: iter(()))
    assert (bare.title, bare.documentation, bare.needs) == ("", {}, ())


def test_checks_of_a_package_are_found_and_sorted() -> None:
    found = load_checks("dbtune.pooling.checks")
    assert [one.name for one in found] == sorted(one.name for one in found)
    assert all(isinstance(one, Check) for one in found)
    assert len(found) > 3


def test_a_check_is_called_like_its_function() -> None:
    assert [finding.subject for finding in too_many(9, 9, most=1, share=9.0)] == ["basket"]
    assert run_checks([], {}, MappingProxyType({})) == ([], [])
