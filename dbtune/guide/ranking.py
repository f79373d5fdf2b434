"""Problems in order of harm. No score: what may be lost stands before what is slow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from dbtune.finding import Confidence, Finding, Level, Remedy
from dbtune.guide.material import Material
from dbtune.guide.model import Problem

Applies = Literal[
    "look first", "online", "reload", "takes a lock", "restart", "application", "by hand"
]
"""What carrying out a remedy costs; in this order one would begin."""


class Harm(NamedTuple):
    """A kind of harm.

    Attributes:
        what: in words.
        tags: tags of checks that warn of it.
    """

    what: str
    tags: frozenset[str]


def _harm(what: str, tags: str) -> Harm:
    return Harm(what, frozenset(tags.split()))


HARMS = (
    _harm("data may be lost", "damage wraparound archiving persistence"),
    _harm("the service may stop", "connections disk replication locks memory cluster partitions"),
    _harm("strangers may get in", "security"),
    _harm("work waits", "sessions transactions latency concurrency"),
    _harm("work is slow", "statements io cache commands planner checkpoints wal errors measures"),
    _harm("space and writes are wasted", "bloat sizes indexes vacuum cursors"),
    _harm("trouble later", "schema versions settings logging log profiler"),
)
"""The worst first. A check's first tag that stands in one of them decides."""
_BY_COMMAND = {
    "slow-queries": HARMS[4],
    "suggest-indexes": HARMS[4],
    "bloat": HARMS[5],
    "pool-size": HARMS[3],
    "gen-config": HARMS[6],
}
_SHARES = ("time_share_ratio", "plan_share_ratio", "saved_ratio")
"""Evidence that says which part of a server's work a finding is about."""
_SURE = (Confidence.measured, Confidence.estimated, Confidence.rule_of_thumb)


def problems(materials: Sequence[Material], *, several: bool) -> tuple[Problem, ...]:
    """Every finding of every target in its place.

    The level decides, then the harm, then how sure it is, then how much of the work.

    Args:
        materials: what is known of each target.
        several: whether there are other targets: each subject then begins with the target's name.
    """
    found = [
        (material, finding, harm_of(finding, material))
        for material in materials
        for finding in material.findings
    ]
    found.sort(key=lambda one: (*_place(one[1], one[2]), one[0].name))
    return tuple(
        Problem(
            number,
            material.name,
            harm.what,
            applies(finding.remedy),
            _named(finding, material.name) if several else finding,
        )
        for number, (material, finding, harm) in enumerate(found, start=1)
    )


def _named(finding: Finding, target: str) -> Finding:
    """As ``dbtune check --tag`` names it: fingerprints are those of its baselines."""
    from dataclasses import replace

    return replace(finding, subject=f"{target}: {finding.subject}")


def _place(finding: Finding, harm: Harm) -> tuple[int, int, int, float, str, str]:
    level, sure = finding.level or Level.info, finding.confidence or Confidence.measured
    shares = (finding.evidence.get(name) for name in _SHARES)
    share = max((float(one) for one in shares if isinstance(one, int | float)), default=0.0)
    place = -level, HARMS.index(harm), _SURE.index(sure), -share
    return *place, finding.rule, finding.subject


def harm_of(finding: Finding, material: Material) -> Harm:
    """What a finding warns of: by the tags of its check, or the command that found it."""
    table = material.table("check", "checks")
    for row in table.rows if table else ():
        if row["check"] == finding.rule:
            found = _by_tags(row["tags"] or ())  # type: ignore[arg-type] # a column of lists
            if found is not None:
                return found
    for command, report in material.reports.items():
        if command in _BY_COMMAND and finding in report.findings:
            return _BY_COMMAND[command]
    return HARMS[-1]


def _by_tags(tags: Iterable[str]) -> Harm | None:
    """Where a check has several, the worst harm counts."""
    return next((harm for harm in HARMS if harm.tags.intersection(tags)), None)


# ------------------------------------------------------------------------------ what a remedy costs

_LOCKS = re.compile(
    r"(?im)^\s*(vacuum\b[^;]*\bfull\b|cluster\b|lock\s+table|truncate\b|drop\s+table"
    r"|(re)?index\s+(?!.*concurrently)|reindex\s+(?!.*concurrently)"
    r"|create\s+(unique\s+)?index\s+(?!concurrently)|drop\s+index\s+(?!concurrently)"
    r"|alter\s+table\b(?!.*\b(set|reset)\s*\()(?!.*\bvalidate\s+constraint\b))"
)
_RESTART = re.compile(r"(?i)(?<!without a )(?<!no )\brestart")
_BLOCKS = re.compile(r"(?i)\baccess exclusive\b|\boutage\b|(?<!no )\bblocks (all|reads|writes)\b")
_SETS_LOCAL = re.compile(r"(?i)\s*(set\s+local|begin)\b")
_LOOKS = re.compile(r"(?is)^\s*(select|show|explain|info|load|set|db\.\S+\.find|rs\.print)\b")


def applies(remedy: Remedy) -> Applies:
    """What carrying it out costs, by its statements and by what it says of itself."""
    sql = _code(remedy.sql)
    effect = remedy.effect
    config = _code(remedy.config)
    if "change in the application" in effect or _SETS_LOCAL.match(sql):
        return "application"
    if not sql and not config:
        return "by hand"
    if _RESTART.search(effect):
        return "restart"
    if not sql:
        return "reload"
    if _LOCKS.search(sql) or _BLOCKS.search(effect):
        return "takes a lock"
    if re.search(r"(?i)\balter\s+system\b|pg_reload_conf", sql):
        return "reload"
    return "look first" if _LOOKS.match(sql) and "pg_drop" not in sql else "online"


def _code(sql: str) -> str:
    """Statements without comments; what is all comments is an example for a program."""
    lines = (line for line in sql.splitlines() if not line.lstrip().startswith(("--", "#", "//")))
    return "\n".join(lines).strip()


ORDER: tuple[Applies, ...] = ("look first", "online", "reload", "takes a lock", "restart")
"""The order of a script: what costs least first."""
MEANINGS: Mapping[str, str] = {
    "look first": "reads only: shows what to decide on",
    "online": "runs while applications work",
    "reload": "changes settings; a reload is enough",
    "takes a lock": "takes a lock that others wait for: at a quiet hour",
    "restart": "counts after a restart of the server",
    "application": "a change in the application",
    "by hand": "something to decide or to do by hand",
}
