"""A report says each problem once."""

from __future__ import annotations

import pytest

from dbtune.finding import Confidence, Finding, Level, Remedy
from dbtune.guide.once import said_once

_SURE, _GUESS = Confidence.measured, Confidence.rule_of_thumb
_LIMIT = "ALTER SYSTEM SET idle_limit = '5min';\nSELECT pg_reload_conf();"
_DROP = "SELECT pg_drop_replication_slot('s');"


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ((_DROP, 2, _SURE), (f"-- why\n{_DROP}  -- or not", 2, _SURE), True),
        ((_DROP, 2, _SURE), ("SELECT pg_drop_replication_slot('t');", 2, _SURE), False),
        ((f"{_DROP}\n{_LIMIT}", 3, _SURE), (_LIMIT.replace("5", "10"), 1, _GUESS), True),
        # What asks for less is not said by what is less bad, or less sure.
        ((_DROP, 3, _SURE), (f"{_DROP}\n{_LIMIT}", 2, _SURE), False),
        ((f"{_DROP}\n{_LIMIT}", 2, _GUESS), (_DROP, 2, _SURE), False),
        (("", 2, _SURE), ("-- an example", 2, _SURE), True),
    ],
)
def test_what_one_asks_for_another_does_not_ask_for_again(
    one: tuple[str, int, Confidence], other: tuple[str, int, Confidence], together: bool
) -> None:
    found = [
        Finding("x", rule, Remedy("Do it.", sql), level=Level(level), confidence=sure, rule=rule)
        for rule, (sql, level, sure) in zip("ab", (one, other), strict=True)
    ]
    for given in (found, found[::-1]):
        told = sorted(finding.message for finding in said_once(given))
        assert told in (["a", "b"], ["a; b, too: b"], ["b; a, too: a"])
        assert (len(told) == 1) is together, told
        if together:
            (kept,) = said_once(given)
            assert kept.level == Level(one[1])


def test_findings_of_one_rule_are_of_things_of_their_own() -> None:
    found = [
        Finding(f"statement {n}", "m", Remedy("", "SET LOCAL work_mem = '26MB';"), rule="spill")
        for n in range(2)
    ]
    silent = [Finding("x", "m", Remedy(""), rule=rule) for rule in "ab"]
    assert said_once([*found, *silent]) == [*found, *silent]
