"""Five lines for those who read no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from dbtune.finding import Level, Skipped
from dbtune.guide.material import Material
from dbtune.guide.model import Problem
from dbtune.profile import Engine
from dbtune.text import capital, plural, ratio_text, shorten

_LONGEST = 220
_FEW = 3


def summary(
    materials: Sequence[Material], problems: Sequence[Problem], lost: Sequence[Skipped]
) -> tuple[str, ...]:
    """What was looked at, how it is, what is worst, where time goes, what to do first.

    Args:
        materials: what is known of each target.
        problems: worst first.
        lost: targets that could not be reached.
    """
    return (
        _scope(materials, lost),
        _state(problems, unseen=any(one.unexamined for one in materials)),
        _worst(problems, materials),
        _time(materials),
        _next(materials, problems),
    )


def when(moment: datetime) -> str:
    """``29 November 2026, 06:00 UTC``."""
    return f"{moment.astimezone(UTC):%-d %B %Y, %H:%M} UTC"


def _scope(materials: Sequence[Material], lost: Sequence[Skipped]) -> str:
    kinds = Counter(one.engine.product for one in materials)
    named = [f"{count} {kind}" for kind, count in kinds.items()] or ["No"]
    servers = " and ".join(filter(None, [", ".join(named[:-1]), named[-1]]))
    noun = "server was" if sum(kinds.values()) == 1 else "servers were"
    checks = sum(len(made.examined) for one in materials for made in one.reports.values())
    moment = max((one.collected_at for one in materials), default=None)
    at = f" as of {when(moment)}" if moment else ""
    unseen = sum(len(one.unexamined) for one in materials)
    left = f"; {plural(unseen, 'thing')} could not be examined" if unseen else ""
    gone = f"; not reached: {', '.join(one.what for one in lost)}" if lost else ""
    return f"{servers} {noun} examined{at}, by {plural(checks, 'check')}{left}{gone}."


def _state(problems: Sequence[Problem], *, unseen: bool) -> str:
    if not problems:
        return "No problem was found" + (" in what could be examined." if unseen else ".")
    levels = Counter(one.finding.level or Level.info for one in problems)
    critical, warnings, infos = (levels[level] for level in sorted(Level, reverse=True))
    harms = Counter(one.harm for one in problems if one.finding.level == Level.critical)
    told = "; ".join(f"{harm}: {count}" for harm, count in harms.items())
    first = f"{plural(critical, 'problem')} cannot wait ({told})" if critical else (
        "Nothing is so urgent that it cannot wait"
    )  # fmt: skip
    more = "more " if critical else ""
    others = [
        f"{warnings} {more}should be planned for" * bool(warnings),
        f"{infos} {'is' if infos == 1 else 'are'} worth knowing" * bool(infos),
    ]
    return "; ".join(filter(None, [first, ", ".join(filter(None, others))])) + "."


def _worst(problems: Sequence[Problem], materials: Sequence[Material]) -> str:
    if not problems:
        return "There is nothing that has to be done at once."
    worst = problems[0]
    where = next((one for one in materials if one.name == worst.target), None)
    on = f" on {_called(where, materials)}" if where and len(materials) > 1 else ""
    told = worst.headline if worst.headline.startswith(worst.title) else ""
    told = told or worst.title + f" ({worst.headline})" * bool(worst.finding.title)
    return f"The worst{on}, {worst.harm}: {shorten(told, _LONGEST)}."


def _called(material: Material, materials: Sequence[Material]) -> str:
    """A target's name; for one that has only a URL, the engine where there is one such."""
    alone = sum(one.engine is material.engine for one in materials) == 1
    return material.engine.product if "://" in material.name and alone else material.name


def _time(materials: Sequence[Material]) -> str:
    found = list(_shares(materials))
    return (
        capital("; ".join(found)) + "."
        if found
        else "Where the servers' time goes was not counted."
    )


def _shares(materials: Sequence[Material]) -> Iterator[str]:
    for material in materials:
        table = material.table("slow-queries", "statements")
        if table is None:
            continue
        shares = [float(str(row["share_ratio"] or 0)) for row in table.rows]
        on = f"on {_called(material, materials)} " if len(materials) > 1 else ""
        top = shares[:_FEW]
        whole = "the time" if material.engine is Engine.postgresql else "the recorded time"
        one = f"{on}one statement takes {ratio_text(top[0])} of {whole}"
        more = f", {len(top)} take {ratio_text(sum(top))}" if len(top) > 1 else ""
        yield f"{one}{more}"


def _next(materials: Sequence[Material], problems: Sequence[Problem]) -> str:
    counts = Counter(one.applies for one in problems)
    easy = counts["online"] + counts["reload"]
    hard = counts["restart"] + counts["takes a lock"]
    parts = [
        f"{plural(easy, 'remedy', 'remedies')} can be carried out while applications run",
        f"{hard} {'needs' if hard == 1 else 'need'} a restart or a quiet hour",
        f"{counts['application']} {'is' if counts['application'] == 1 else 'are'} for the "
        "application's developers",
    ]
    parts = [part for part, count in zip(parts, (easy, hard, counts["application"]), strict=True)
             if count]  # fmt: skip
    parts += _gains(materials)
    text = "; ".join(parts)
    return capital(text) + "." if text else "No remedy is waiting."


def _gains(materials: Sequence[Material]) -> Iterator[str]:
    for material in materials:
        table = material.table("suggest-indexes", "summary")
        row = table.rows[0] if table else {}
        new = material.table("suggest-indexes", "suggestions")
        if new and isinstance(ratio := row.get("saved_ratio"), float):
            yield (
                f"{plural(len(new.rows), 'new index', 'new indexes')} would save an estimated "
                f"{ratio_text(ratio)} of the planner's cost"
            )
