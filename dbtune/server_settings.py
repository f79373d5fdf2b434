"""What ``gen-config redis`` and ``gen-config mongod`` share: a server's settings, the report."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from dbtune import __version__
from dbtune.errors import UsageError
from dbtune.hardware import read_machine
from dbtune.report import Artifact, Column, Report, Table
from dbtune.text import bytes_text, plain

_WIDTH = 78

SETTINGS = Table(
    "server_settings",
    "Settings",
    (
        Column("setting", "setting", "text", "Name of the setting."),
        Column("old_value", "before", "text", "What the target has, or the default."),
        Column("value", "value", "text", "The value, as in the file."),
        Column("formula", "because", "text", "How the value came about.", 1),
        Column("reason", "why", "text", "Why it is set.", None),
    ),
    empty="nothing should change",
)


class Setting(NamedTuple):
    """One setting of a server.

    Attributes:
        name: as the server's documentation writes it.
        value: as in the file.
        why: what it is good for.
        formula: how the value came about.
        default: what the server does without it, as its value is told by a running one.
        told: the value as a running server tells it; ``None`` if that is as in the file.
        at_least: a target that has more keeps it.
        at_most: a target that has less keeps it, but not nothing or less: that means all or off.
        tolerance: a target keeps what differs by no more than this share.
        set_on_purpose: as ``at_most``, and a note tells of it: somebody has chosen what it has.
    """

    name: str
    value: str
    why: str
    formula: str
    default: str
    told: str | None = None
    at_least: bool = False
    at_most: bool = False
    tolerance: float = 0.0
    set_on_purpose: bool = False

    @property
    def as_told(self) -> str:
        """The value as a running server tells it."""
        return self.value if self.told is None else self.told

    def good(self, current: str) -> bool:
        """Whether a target that has this value needs no change."""
        wanted = self.as_told
        if self.at_least or self.at_most or self.tolerance:
            try:
                has, wants = float(current), float(wanted)
            except ValueError:
                return False
            close = abs(has - wants) <= self.tolerance * wants
            less_will_do = self.at_most or self.set_on_purpose
            return close or (self.at_least and has >= wants) or (less_will_do and 0 < has <= wants)
        return current.strip().lower() == wanted.lower()


def changes(settings: Iterable[Setting], current: Mapping[str, str] | None) -> list[Setting]:
    """The settings that a target lacks; without one, those that are not the default."""
    if current is None:
        return [one for one in settings if one.as_told.lower() != one.default.lower()]
    # A setting that the target does not tell is one that its version does not know.
    return [one for one in settings if one.name in current and not one.good(current[one.name])]


def _kept(settings: Iterable[Setting], current: Mapping[str, str]) -> Iterator[str]:
    """Of limits that stay below what they could be."""
    for one in settings:
        has = current.get(one.name, "")
        if one.good(has) and not one._replace(set_on_purpose=False).good(has):
            yield (
                f"{one.name} stays at {plain(has)}, not {one.as_told} ({one.formula}): a smaller"
                " limit is taken to be set on purpose, for what else needs the machine's memory;"
                " --ram tells how much of it may be used here"
            )


def commented(one: Setting, was: str) -> list[str]:
    """The reason for a setting, as comment lines."""
    lines = textwrap.wrap(one.why, _WIDTH, break_on_hyphens=False)
    lines += textwrap.wrap(
        f"= {one.formula}; was {was or 'empty'}",
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_on_hyphens=False,
    )
    return [f"# {line}" for line in lines]


def report(
    command: str,
    title: str,
    wanted: Sequence[Setting],
    current: Mapping[str, str] | None,
    write: Callable[[Sequence[Setting], Mapping[str, str]], str],
    filename: str,
    language: str,
    notes: tuple[str, ...],
) -> Report:
    """The file and the table.

    Args:
        command: for the report's header.
        title: what the file is for and what it was made from.
        wanted: all settings.
        current: what a target has; ``None`` without one.
        write: makes the file's body from the settings that are to stand in it, and what there was.
        filename: what the file is called where it belongs.
        language: its syntax.
        notes: what else has to be known.
    """
    chosen = changes(wanted, current)
    was = {one.name: one.default if current is None else current[one.name] for one in chosen}
    head = textwrap.wrap(f"{title} By dbtune {__version__}.", _WIDTH, break_on_hyphens=False)
    body = write(chosen, was) if chosen else "# Nothing should change.\n"
    text = "\n".join(f"# {line}" for line in head) + "\n\n" + body
    rows = tuple(
        {
            "setting": one.name,
            "old_value": was[one.name],
            "value": one.value,
            "formula": one.formula,
            "reason": one.why,
        }
        for one in chosen
    )
    return Report(
        command,
        (Table(SETTINGS.name, SETTINGS.title, SETTINGS.columns, rows, empty=SETTINGS.empty),),
        notes=(*_kept(wanted, current or {}), *notes),
        artifacts=(Artifact(filename, text, language),),
    )


Version = tuple[int, int]
"""Major and minor version of a server."""


def parse_version(text: str, product: str, oldest: Version, example: str) -> Version:
    """``7.2.4``, ``7.2``, ``7`` or ``7.2.0-rc1`` as (7, 2).

    Args:
        text: what a user or a server says.
        product: its name, for the message.
        oldest: the first version that settings are made for.
        example: a version, for the message.

    Raises:
        UsageError: it is no version, or too old.
    """
    match = re.fullmatch(r"\s*(\d{1,3})(?:\.(\d{1,3})(?:[.-][\w.-]*)?)?\s*", text)
    if match is None:
        raise UsageError(f"{plain(text)!r} is no version of {product}; write for example {example}")
    version = int(match[1]), int(match[2] or 0)
    if version < oldest:
        first = ".".join(map(str, oldest))
        raise UsageError(f"{product} {first} is the oldest that settings are made for")
    return version


def ram_of(given: int | None, told: int | None, who: str, least: int) -> tuple[int, str]:
    """RAM in bytes and who said so: the option, the target, else this machine.

    Args:
        given: the option's value.
        told: what a target says.
        who: how it says it.
        least: what the server can do with at all.

    Raises:
        UsageError: it is too little, or nobody knows.
    """
    if given is not None:
        ram, source = given, "--ram"
    elif told is not None:
        ram, source = told, who
    else:
        seen = read_machine().ram_bytes
        if seen.value is None:
            raise UsageError("this machine does not tell its RAM: give --ram")
        ram, source = seen.value, f"this machine, {seen.source}"
    if ram < least:
        hint = "; is the unit missing? Write 8GB" if ram < 1 << 20 else ""
        raise UsageError(
            f"{bytes_text(ram)} of RAM is too little: {bytes_text(least)} at least{hint}"
        )
    if ram > 1 << 57:
        raise UsageError(f"{bytes_text(ram)} of RAM can't be; is the unit right?")
    return ram, source
