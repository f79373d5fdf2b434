"""What a document is made of: for each target the reports of other commands, and its numbers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from dbtune.compare.held import Held, Span
from dbtune.compare.model import Frame, Measure, Period, Related
from dbtune.errors import Unavailable
from dbtune.facts import Snapshot
from dbtune.finding import Finding, Skipped
from dbtune.guide.gauge import Gauge
from dbtune.guide.once import said_once
from dbtune.profile import PACKAGES, Engine
from dbtune.report import Report, Table

if TYPE_CHECKING:
    from dbtune.compare.health import Thresholds


class Metrics(NamedTuple):
    """The numbers of a server.

    Attributes:
        measures: of the server as a whole: before, since its statistics began; after, while it was
            observed.
        gauges: what there is only so much of.
        tables: the details.
        always: since its statistics began.
        observed: while it was observed; ``None`` if it was not.
    """

    measures: tuple[Measure, ...]
    gauges: tuple[Gauge, ...]
    tables: tuple[Table, ...]
    always: Period
    observed: Period | None = None


class Change(NamedTuple):
    """An entry of the optimisation log.

    Attributes:
        comparison: the report of ``dbtune compare``.
        notes: what somebody said that was done.
    """

    comparison: Report
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Material:
    """All that is known of one target.

    Attributes:
        name: what it is called.
        engine: of which kind it is.
        target: its description, without secrets.
        collected_at: when it was read.
        reports: what each command has to say, by the command's name.
        findings: of all commands, each thing once, worst first.
        metrics: its numbers; ``None`` if they could not be read.
        changes: the optimisation log, earliest first.
        skipped: parts of the document that could not be made.
        earlier: the snapshots that the log is made of.
        notes: on how it was read.
    """

    name: str
    engine: Engine
    target: Mapping[str, object]
    collected_at: datetime
    reports: Mapping[str, Report]
    metrics: Metrics | None = None
    changes: tuple[Change, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    earlier: tuple[Snapshot, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def server(self) -> str:
        """Product and version."""
        return str(self.target.get("server") or self.engine.product)

    @property
    def findings(self) -> list[Finding]:
        """Of all commands, each thing once.

        ``check`` asks rules of other commands, too, on less: where such a command was made, it
        has the word on its rules.
        """
        owners = {rule: name for name, made in self.reports.items() for rule in made.examined}
        found: dict[str, Finding] = {}
        for name, made in self.reports.items():
            for finding in made.findings:
                if owners.get(finding.rule, name) == name:
                    found.setdefault(finding.fingerprint, finding)
        settle: Callable[[Sequence[Finding]], list[Finding]]
        settle = import_module(f"{PACKAGES[self.engine]}.health").settled
        return said_once(settle(list(found.values())))

    @property
    def unexamined(self) -> list[Skipped]:
        """Of all commands, each thing once."""
        every = (*self.skipped, *(one for made in self.reports.values() for one in made.skipped))
        return list({one.what: one for one in every}.values())

    def table(self, command: str, name: str) -> Table | None:
        """A table of a command's report, if it was made and has rows."""
        made = self.reports.get(command)
        tables = made.tables if made else ()
        return next((one for one in tables if one.name == name and one.rows), None)


def facts_of_metrics(engine: Engine) -> Collection[str]:
    """Names of the facts that :func:`metrics_of` needs."""
    names: Collection[str] = import_module(f"{PACKAGES[engine]}.metrics").FACTS
    return names


def metrics_of(first: Snapshot | None, last: Snapshot, thresholds: Thresholds) -> Metrics:
    """A server's numbers: since its statistics began, and between two snapshots of it.

    Args:
        first: where the time in which it was observed begins; ``None`` if it was not.
        last: where it ends.
        thresholds: overrides by check name and threshold name.
    """
    engine = Engine(last.engine)
    package = PACKAGES[engine]
    held = Held(last)
    always, span = Span(None, held), Span(Held(first) if first else None, held)
    frame = Frame(None, last, first, last)
    found = import_module(f"{package}.compare").compared(frame, always, span, Related(True, True))
    own = import_module(f"{package}.metrics")
    gauges = tuple(own.gauges(span, thresholds))
    periods = found.before, found.after if first else None
    return Metrics(found.measures, gauges, tuple(own.tables(always)), *periods)


def told(error: Exception) -> tuple[str, str]:
    """Why something can't be had, and what would make it possible."""
    return (str(error), error.remedy) if isinstance(error, Unavailable) else (str(error), "")
