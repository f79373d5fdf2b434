"""What a comparison comes to: better, worse, no difference, or can't tell; and of each hypothesis.

Time alone proves little: other load on the machine makes the same work take longer. What the
statements ask for (blocks) does not depend on that, so a verdict is sure where both agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dbtune.compare.model import Comparison, Measure, ObjectChange, Workload
from dbtune.compare.noise import Verdict
from dbtune.compare.statements import mentions, workload_of
from dbtune.text import count_text, plural, ratio_text, significant

SMALL = 1.1
"""Below this ratio time is called the same."""
AGREES = 1.2
"""From this ratio on blocks are said to have changed the same way as time."""
LARGE = 2.0
"""From this ratio on time alone is believed, though not much."""
LEAST_COVERED = 0.5

Sure = Literal["high", "medium", "low"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and what it rests on.

    Attributes:
        verdict: better, worse, no difference or can't tell.
        sure: how sure; of ``can't tell`` it says nothing.
        because: the numbers, a sentence without its full stop.
    """

    verdict: Verdict
    sure: Sure
    because: str


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What somebody did, and what became of it.

    Attributes:
        note: in their words.
        judgement: the verdict.
        about: what it was judged on: all statements, those on a table, a measure.
        remarks: why it may not be what the note says.
    """

    note: str
    judgement: Judgement
    about: str
    remarks: tuple[str, ...] = ()


def judge(workload: Workload, *, known: bool = True) -> Judgement:
    """What became of the time of a call.

    Args:
        workload: the statements of both periods.
        known: whether statements were read at all.
    """
    time = workload.time
    if not known:
        return Judgement(Verdict.unknown, "low", "statements were not read")
    if time is None or not workload.statements:
        return Judgement(
            Verdict.unknown, "low", "no statement ran at least 5 times in both periods"
        )
    if workload.covered_ratio < LEAST_COVERED:
        return Judgement(
            Verdict.unknown,
            "low",
            f"only {ratio_text(workload.covered_ratio)} of the time went to statements that ran in "
            "both periods",
        )
    said = f"the same calls took {significant(time)} times as long"
    if 1 / SMALL < time < SMALL:
        return Judgement(Verdict.same, "high" if workload.calls >= 1000 else "medium", said)
    verdict = Verdict.worse if time > 1 else Verdict.better
    reasons = list(_agreeing(workload, slower=time > 1))
    if reasons:
        sure: Sure = "high" if workload.calls >= 100 else "medium"
        return Judgement(verdict, sure, f"{said}, and {' and '.join(reasons)}")
    same = f"{said} for about the same work{_work_told(workload)}" if workload.work else said
    if time >= LARGE or time <= 1 / LARGE:
        return Judgement(verdict, "low", f"{same}: waits, disks or other load may be why")
    return Judgement(Verdict.unknown, "low", f"{same}: no more than other load can do")


def times(ratio: float) -> str:
    """``1.84 times the``: how a ratio reads before a noun."""
    return f"{significant(ratio)} times the"


def _agreeing(workload: Workload, *, slower: bool) -> Iterator[str]:
    for ratio, what in (
        (workload.work, "blocks"),
        (workload.reads, "blocks from outside the cache"),
    ):
        if ratio is not None and (ratio >= AGREES if slower else ratio <= 1 / AGREES):
            yield f"asked for {times(ratio)} {what}"


def _work_told(workload: Workload) -> str:
    return f" ({significant(workload.work)} times the blocks)" if workload.work else ""


# ---------------------------------------------------------------------------------- hypotheses

_AIMS: tuple[tuple[str, str], ...] = (
    (r"shared_buffers|buffer|cache|prewarm", "cache_hit_ratio"),
    (r"work_mem|hash_mem|\btemp|spill", "temp_bytes_per_second"),
    (r"max_wal_size|checkpoint", "checkpoints_requested_per_hour"),
    (r"bgwriter", "buffers_written_by_backends_per_second"),
    (r"repack|reindex|vacuum full|bloat|squeeze", "bloat_bytes"),
    (r"vacuum|dead rows", "dead_rows"),
    (r"deadlock", "deadlocks_per_hour"),
    (r"wiredtiger|cachesize", "cache_read_bytes_per_second"),
    (r"maxmemory|evict", "evicted_keys_per_second"),
    (r"fragment|defrag", "fragmentation_ratio"),
    (r"\bttl|\bhit", "hit_ratio"),
)
"""Words of a note, and the measure that it is about."""


def hypothesis(note: str, found: Comparison) -> Hypothesis:
    """The verdict on what a note says was done."""
    objects = _named_objects(note, found)
    tables = {one.table or one.name for one in objects if one.kind in ("index", "table")}
    judgement = judge(found.workload, known=found.statements is not None)
    about = "all statements"
    if tables and found.statements:
        chosen = [one for one in found.statements if mentions(one.statement.text, tables)]
        if chosen:
            judgement = judge(workload_of(chosen))
            about = f"{plural(len(chosen), 'statement')} on {', '.join(sorted(tables))}"
    aimed = _aim(note, found)
    if aimed is not None:
        judgement, about = _with_aim(judgement, about, aimed)
    remarks = tuple(_remarks(note, found, objects))
    if any("changed as well" in one for one in remarks) and judgement.sure == "high":
        # That something changed is sure; that it was this is not.
        judgement = replace(judgement, sure="medium")
    return Hypothesis(note, judgement, about, remarks)


def _aim(note: str, found: Comparison) -> Measure | None:
    for words, name in _AIMS:
        measure = found.measure(name)
        if measure is not None and re.search(words, note, re.IGNORECASE):
            return measure
    return None


def _with_aim(judgement: Judgement, about: str, aimed: Measure) -> tuple[Judgement, str]:
    """The measure that a change was meant for, together with the time."""
    both = f"{aimed.title}; {about}"
    verdict = aimed.verdict
    numbers = f"{aimed.title} {shown(aimed)}"
    if verdict not in (Verdict.better, Verdict.worse):
        why = f" ({aimed.unjudged})" if aimed.unjudged else ""
        return replace(judgement, because=f"{numbers}{why}; {judgement.because}"), both
    if judgement.verdict is verdict.mirrored:
        because = f"{numbers} is {verdict}, but {judgement.because}"
        return Judgement(Verdict.unknown, "low", because), both
    agree = judgement.verdict is verdict
    sure: Sure = judgement.sure if agree and judgement.sure == "high" else "medium"
    return Judgement(verdict, sure, f"{numbers}; {judgement.because}"), both


def shown(measure: Measure) -> str:
    """``91.2 % → 99.3 %``."""
    return f"{number(measure, measure.before)} → {number(measure, measure.after)}"


def number(measure: Measure, value: float | None) -> str:
    """A measure's number with its unit."""
    from dbtune.text import bytes_text, ms_text

    if value is None:
        return "?"
    if measure.kind == "bytes":
        return bytes_text(value)
    if measure.kind == "ratio":
        return f"{value * 100:.2f} %"
    if measure.kind == "ms":
        return ms_text(value)
    if measure.kind == "seconds":
        return ms_text(value * 1000)
    return count_text(round(value)) if measure.kind == "int" else significant(value)


def _named_objects(note: str, found: Comparison) -> list[ObjectChange]:
    words = set(re.findall(r"[\w$.]+", note))
    return [
        one
        for one in (*(found.indexes or ()), *(found.relations or ()))
        if {one.name, one.name.rpartition(".")[2]} & words
    ]


def _remarks(note: str, found: Comparison, objects: Sequence[ObjectChange]) -> Iterator[str]:
    words = set(re.findall(r"[a-z_][\w.-]*", note.lower()))
    changed = {one.name for one in found.settings or ()}
    waiting = {one.name for one in found.settings or () if one.remark}
    named = {name for name in found.setting_names if "_" in name or "-" in name} & words
    for name in sorted(named | (words & changed)):
        if name in waiting:
            yield f"{name} waits for a restart: what is measured is still the old value"
        elif name not in changed:
            yield f"{name} is the same in both snapshots"
    others = sorted(changed - words)
    if others:
        yield f"{plural(len(others), 'other setting')} changed as well: {_few(others)}"
    structure = [
        one
        for one in found.indexes or ()
        if one.state in ("new", "gone", "changed") and one not in objects
    ]
    if structure:
        names = _few([f"{one.name} ({one.state})" for one in structure])
        yield f"{plural(len(structure), 'other index', 'other indexes')} changed as well: {names}"


def _few(names: Sequence[str]) -> str:
    more = len(names) - 3
    return ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")
