"""Fields of the JSON output: a name says its unit, and means one thing in all commands."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module

from dbtune.cli import COMMANDS
from dbtune.report import Column, Table

SUFFIX = {"ms": "ms", "seconds": "seconds", "bytes": "bytes", "ratio": "ratio", "share": "ratio"}
"""What the name of a column of this kind ends with, or has before ``_per_second``."""

OF_TWO_TYPES = {
    # A value, or the same in words.
    *("after", "before", "blocks", "cost", "planning", "rows", "value"),
    # How many there are, or which ones.
    *("findings", "hosts", "keys", "kept", "statements", "uses"),
    *("buffers", "default", "source", "tables", "thresholds"),
}


@cache
def columns() -> tuple[tuple[str, Column], ...]:
    found = tuple(
        (f"{command}: {table.name}.{column.name}", column)
        for command, table in _tables()
        for column in table.columns
    )
    assert len(found) > 700
    return found


def _tables() -> Iterator[tuple[str, Table]]:
    for command, (module, _) in COMMANDS.items():
        for table in getattr(import_module(f"dbtune.cli.{module}"), "TABLES", ()):
            yield command, table


def test_a_number_with_a_unit_has_it_in_its_name() -> None:
    wrong = [
        where
        for where, one in columns()
        if (unit := SUFFIX.get(one.kind))
        and one.name.removesuffix("_per_second").rpartition("_")[2] != unit
    ]
    assert wrong == []


def test_a_name_with_a_unit_is_a_number_of_that_unit() -> None:
    wrong = [
        where
        for where, one in columns()
        if (last := one.name.rpartition("_")[2]) in ("ms", "seconds", "bytes") and last != one.kind
    ]
    assert wrong == []


def test_a_ratio_is_a_number() -> None:
    of_ratios = [(where, one) for where, one in columns() if one.name.endswith("_ratio")]
    assert [where for where, one in of_ratios if one.kind not in ("ratio", "share", "float")] == []


def test_a_name_has_one_type_in_all_commands() -> None:
    """Text is text whether it is SQL or not, and a number may be an average elsewhere."""
    alike = {"sql": "text", "int": "number", "float": "number", "id": "number", "share": "ratio"}
    kinds: dict[str, set[str]] = {}
    for _, one in columns():
        kinds.setdefault(one.name, set()).add(alike.get(one.kind, one.kind))
    assert {name for name, got in kinds.items() if len(got) > 1} == OF_TWO_TYPES


def test_one_thing_has_one_name() -> None:
    """What a number's name was once beside another one for the same thing."""
    others = {"plan_ms": "planning_ms", "exec_ms": "execution_ms", "duration_seconds": "seconds"}
    assert [where for where, one in columns() if one.name in others] == []


def test_a_word_is_of_one_unit_in_a_table() -> None:
    """``refresh_ms`` beside ``refresh_seconds`` would be two things by one word."""
    units: dict[tuple[str, str], set[str]] = {}
    for where, one in columns():
        stem, _, unit = one.name.rpartition("_")
        if unit in ("ms", "seconds"):
            units.setdefault((where.rpartition(".")[0], stem), set()).add(unit)
    assert {name for name, got in units.items() if len(got) > 1} == set()


def test_every_field_is_explained() -> None:
    assert [where for where, one in columns() if not one.help.endswith((".", "..."))] == []


def test_an_empty_table_says_what_there_is_none_of() -> None:
    """``none`` alone does not say whether it was looked for."""
    said = {table.empty for _, table in _tables() if not table.record}
    assert len(said) > 40
    assert {one for one in said if one and " " not in one} == set()


def test_before_and_after_come_first_in_a_name() -> None:
    wrong = [one for one, _ in columns() if one.endswith(("_before", "_after", "_now", "_then"))]
    assert [one for one in wrong if not one.endswith("message_before")] == []
