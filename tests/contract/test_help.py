"""Options of one name mean, take and are called the same in all commands."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest
from typer._click import Context
from typer.main import get_command

from dbtune.cli import COMMANDS, app

OWN_SYNTAX = {
    "--baseline",  # findings, logs or a time of them, a folder of plans
    "--write-baseline",
    "--database",  # of gen-config pgbouncer: with its host
    "--replica",  # of gen-config pgbouncer: hosts of a database
    "--store",  # compare reads either, watch has -o DIR for the other
    "--since",  # logs: a time of day, too
    "--output",  # a file, or a folder for several
    "--storage",
    "--engine",
    "--pgbouncer",
    "--by",
    "--form",
    "--planner",
    "--workload",
}


class Found(NamedTuple):
    """An option of a command."""

    command: str
    name: str
    value: str
    text: str
    several: bool


@cache
def options() -> tuple[Found, ...]:
    group = get_command(app)
    root = Context(group, info_name="dbtune")
    found = [
        one
        for name in COMMANDS
        for one in _of(name, group.get_command(root, name), root)  # type: ignore[attr-defined]
    ]
    assert len({one.command for one in found}) > 50
    return tuple(found)


def _of(name: str, command: Any, parent: Context) -> Iterator[Found]:
    context = Context(command, info_name=name, parent=parent)
    for child in (getattr(command, "commands", None) and command.list_commands(context)) or ():
        yield from _of(f"{name} {child}", command.get_command(context, child), context)
    for option in command.get_params(context):
        record = option.get_help_record(context)
        if option.param_type_name == "option" and record and "--help" not in record[0]:
            first = next(one for one in option.opts if one.startswith("--"))
            value = "" if option.is_flag else option.make_metavar(context)
            yield Found(name, first, value, record[1].partition("  [")[0], option.multiple)


def test_one_name_takes_one_kind_of_value() -> None:
    kinds: dict[str, set[str]] = {}
    for one in options():
        kinds.setdefault(one.name, set()).add(one.value)
    differ = {name: got for name, got in kinds.items() if len(got) > 1}
    assert differ.keys() == OWN_SYNTAX


def test_every_option_has_a_sentence() -> None:
    assert [one for one in options() if not one.text.rstrip(")").endswith(".")] == []


def test_what_may_be_given_several_times_says_so_in_the_same_words() -> None:
    said = {(one.command, one.name) for one in options() if "Repeat it for several" in one.text}
    assert said == {(one.command, one.name) for one in options() if one.several}
    assert not [
        one for one in options() if "may be repeated" in one.text or "repeat it" in one.text
    ]


@pytest.mark.parametrize("word", ["stdin", "standard in.", "- reads", "for a pipe"])
def test_standard_input_is_called_that(word: str) -> None:
    assert [one for one in options() if word in one.text] == []


def test_no_name_says_another_unit_than_its_value_has() -> None:
    units = ("seconds", "minutes", "bytes", "ms")
    assert [one for one in options() if one.name.rpartition("-")[2] in units] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_80_columns(name: str) -> None:
    group = get_command(app)
    root = Context(group, info_name="dbtune", terminal_width=80, max_content_width=80)
    command = group.get_command(root, name)  # type: ignore[attr-defined]
    context = Context(command, info_name=name, parent=root, terminal_width=80)
    assert [line for line in command.get_help(context).splitlines() if len(line) > 80] == []
