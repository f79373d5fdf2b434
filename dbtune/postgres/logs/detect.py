"""Which format a log has, seen from its first lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from dbtune.errors import UsageError
from dbtune.logs.blocks import decoded
from dbtune.logs.envelopes import ENVELOPES, Envelope, Json, Plain, Syslog
from dbtune.postgres.logs.csvlog import Csvlog
from dbtune.postgres.logs.formats import LogFormat
from dbtune.postgres.logs.infer import infer
from dbtune.postgres.logs.jsonlog import Jsonlog
from dbtune.postgres.logs.prefix import compile_prefix
from dbtune.postgres.logs.record import Format
from dbtune.postgres.logs.stderr import Stderr
from dbtune.text import plain, shorten

HEAD_BYTES = 400_000
"""Bytes that are looked at."""
_MOST_LINES = 2000
_SURE, _LEAST = 0.9, 0.3
"""Shares of lines that are recognised: no other format is tried; below, it is no log."""
_KIN_BYTES = 20_000
_KIN = (
    ("MySQL", re.compile(rb"mysqld, Version|^# Query_time: ", re.MULTILINE)),
    ("MongoDB (dbtune slow-queries --log)", re.compile(rb'"s":"[IWEFD]\d?", *"c":"[A-Z]+"')),
    ("PgBouncer", re.compile(rb" LOG (?:kernel file descriptor limit|[CS]-0x|stats: )")),
    ("Redis", re.compile(rb"^\d+:[MSCX] \d\d [A-Z][a-z]{2} \d{4} ", re.MULTILINE)),
)
"""Logs that people have beside PostgreSQL's."""
RDS_PREFIX = "%t:%r:%u@%d:[%p]:"


@dataclass(frozen=True, slots=True)
class Detected:
    """How to read a log.

    Attributes:
        envelope_number: what is around its lines, of :data:`~.envelopes.ENVELOPES`.
        first: time of the first record.
        share: how many of the lines looked at are recognised.
        ambiguous: user, database and application were told apart by their order only.
    """

    format: Format
    envelope_number: int = 0
    first: str = ""
    share: float = 1.0
    ambiguous: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether nothing is around the lines, so that reading may start in the middle."""
        return ENVELOPES[self.envelope_number] is Plain

    def envelope(self) -> Envelope:
        """What undoes what is around the lines."""
        return ENVELOPES[self.envelope_number]()


def detect(
    head: bytes, name: str, wanted: LogFormat = LogFormat.auto, prefix: str | None = None
) -> Detected:
    """The format of a log.

    Args:
        head: its first bytes.
        name: what it is called, for messages.
        wanted: the format that a person says it has.
        prefix: the log_line_prefix that a person says it has.

    Raises:
        UsageError: it is in no format that is known, or the prefix is none.
    """
    lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    text = b"\n".join(lines[: min(len(lines) - 1, _MOST_LINES)] or lines) + b"\n"
    if wanted is LogFormat.rds and prefix is None:
        prefix = RDS_PREFIX
    best: Detected | None = None
    for number in _envelopes(wanted):
        made = ENVELOPES[number]()
        inside = made.opened(text) + made.rest()
        if made.name and inside == text:
            continue
        for found in _formats(inside, wanted, prefix):
            if best is None or found.share > best.share:
                best = replace(found, envelope_number=number)
        if best is not None and best.share >= _SURE:
            break
    if best is None or best.share < _LEAST:
        raise UsageError(_unknown(text, name, wanted, prefix))
    return best


def fits(detected: Detected, text: bytes) -> bool:
    """Whether lines are in a format that is known already."""
    envelope = detected.envelope()
    whole = text[: text.rfind(b"\n") + 1]
    return _scored(detected.format, envelope.opened(whole) + envelope.rest()).share >= _SURE


def _envelopes(wanted: LogFormat) -> list[int]:
    only = {LogFormat.syslog: (Syslog,), LogFormat.cloudsql: (Json, Plain)}.get(wanted)
    return [at for at, one in enumerate(ENVELOPES) if only is None or one in only]


def _formats(text: bytes, wanted: LogFormat, prefix: str | None) -> list[Detected]:
    found = []
    if wanted in (LogFormat.auto, LogFormat.csv) and prefix is None:
        found.append(_scored(Csvlog(), text))
    if wanted in (LogFormat.auto, LogFormat.json, LogFormat.cloudsql) and prefix is None:
        found.append(_scored(Jsonlog(), text))
    if wanted not in (LogFormat.csv, LogFormat.json):
        if prefix is not None:
            before = b"" if wanted is not LogFormat.syslog else compile_prefix("%t [%p] ").pattern
            found.append(_scored(Stderr(compile_prefix(prefix, before=before)), text))
        elif guess := infer(text.split(b"\n")):
            found.append(_scored(Stderr(guess.prefix), text, ambiguous=guess.ambiguous))
    return found


def _scored(format_: Format, text: bytes, *, ambiguous: bool = False) -> Detected:
    records = list(format_.records(text))
    junk = sum(bool(one[-1]) for one in records)
    share = (len(records) - junk) / len(records) if records else 0.0
    first = next((decoded(one[0] + one[1]) for one in records if one[0]), "")
    return Detected(format_, first=first, share=share, ambiguous=ambiguous)


def _unknown(text: bytes, name: str, wanted: LogFormat, prefix: str | None) -> str:
    first = next((line for line in text.split(b"\n") if line.strip()), b"")
    if not first:
        return f"{plain(name)} is empty"
    shown = shorten(plain(decoded(first[:300])), 80)
    if prefix is not None:
        return (
            f"{plain(name)}: lines do not begin with {plain(prefix)!r} (--log-line-prefix) and a "
            f"severity such as LOG; the first is: {shown}"
        )
    if wanted is not LogFormat.auto:
        return f"{plain(name)} is not in the format {wanted.value}; its first line is: {shown}"
    for kin, pattern in _KIN:
        if pattern.search(text[:_KIN_BYTES]):
            return f"{plain(name)} looks like a log of {kin}, not of PostgreSQL; it begins: {shown}"
    return (
        f"{plain(name)} is no log of PostgreSQL's that dbtune knows (stderr, csvlog, jsonlog, "
        f"syslog; with messages in English); its first line is: {shown}"
    )
