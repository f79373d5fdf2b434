"""``slow-queries --log``: from files to a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from dbtune.errors import UsageError
from dbtune.logs.files import STDIN, expand
from dbtune.logs.kind import DetectedT, Digest, DigestT, Kind, WantedT
from dbtune.logs.parts import Progress
from dbtune.logs.period import check_time
from dbtune.logs.read import read
from dbtune.logs.sides import Rate, Side
from dbtune.report import Report
from dbtune.statements import Selection
from dbtune.text import bytes_text, plain, plural

if TYPE_CHECKING:
    from dbtune.logs.follow import Interval
    from dbtune.logs.state import Progressed

Thresholds = Mapping[str, Mapping[str, object]]
_ContraT = TypeVar("_ContraT", bound=Digest, contravariant=True)


class MakeReport(Protocol[_ContraT]):
    """Says what logs say."""

    def __call__(
        self,
        digest: _ContraT,
        selection: Selection,
        /,
        *,
        names: Sequence[str],
        thresholds: Thresholds | None = None,
        notes: Sequence[str] = (),
    ) -> Report:
        """What logs say.

        Args:
            digest: what was read.
            selection: order, limit and filters of statements.
            names: the files that were read.
            thresholds: overrides by check name and threshold name.
            notes: what else to say.
        """


@dataclass(frozen=True, slots=True)
class Told(Generic[WantedT, DetectedT, DigestT]):
    """How logs of an engine are read and told.

    Attributes:
        report: what a digest says.
        side: what of it is compared with a baseline.
        rates: what is counted there.
        refuse: raises ``UsageError`` if a person wants what the logs do not tell.
    """

    kind: Kind[WantedT, DetectedT, DigestT]
    report: MakeReport[DigestT]
    side: Callable[[DigestT, Selection], Side]
    rates: Sequence[Rate]
    refuse: Callable[[DigestT, WantedT], None] = lambda _digest, _wanted: None

    def of_logs(
        self,
        names: Sequence[str],
        selection: Selection,
        wanted: WantedT,
        *,
        baseline: Sequence[str] = (),
        progress: Progress | None = None,
        thresholds: Thresholds | None = None,
    ) -> Report:
        """The report on logs.

        Args:
            names: files, folders, patterns; ``-`` is standard input.
            selection: order, limit and filters of statements.
            wanted: how to read them, and what of them.
            baseline: what to compare them with: other files, or a time of theirs
                (``SINCE..UNTIL``).
            progress: shows how far they are read.
            thresholds: overrides by check name and threshold name.

        Raises:
            UsageError: one of them can't be read or is no log, or nothing in them is of that time.
        """
        files = expand(names)
        wanted, before = _periods(names, wanted, baseline)
        digest = read(self.kind, files, wanted, progress, names)
        if not digest.seen.records and (wanted.since or wanted.until):
            raise UsageError(
                "no record of the logs is of that time (--since, --until: by the log's own clock)"
            )
        self.refuse(digest, wanted)
        made = self.report(digest, selection, names=files, thresholds=thresholds)
        if before is None:
            return made
        from dbtune.logs.compare import compared, with_baseline

        other_names, other_wanted = before
        other = read(self.kind, expand(other_names), other_wanted, progress, other_names)
        if not other.seen.records:
            raise UsageError(
                f"--baseline {', '.join(map(plain, baseline))}: nothing was logged then"
            )
        sides = self.side(other, selection), self.side(digest, selection)
        return with_baseline(made, compared(*sides, self.rates), thresholds or {})

    def of_state(
        self,
        new: Progressed[DigestT],
        before: datetime | None,
        selection: Selection,
        *,
        thresholds: Thresholds | None = None,
    ) -> Report:
        """The report on all that is remembered.

        Args:
            new: what was read now, and what is known since.
            before: when something was read before; ``None`` if this is the first time.
            selection, thresholds: as :meth:`of_logs` takes them.
        """
        since = f"since {before:%Y-%m-%d %H:%M:%S UTC}" if before else "for the first time"
        added = f"{bytes_text(new.new_bytes)} in {plural(len(new.files), 'file')}"
        notes = [
            f"read {since}: {added if new.new_bytes else 'nothing new'}; the report is on all that "
            "is remembered"
        ]
        if new.waiting:
            notes.append(
                f"the last record of {plural(len(new.waiting), 'file')} waits for the next time: "
                f"{'it is' if len(new.waiting) == 1 else 'they are'} being written to"
            )
        return self.report(
            new.state.digest,
            selection,
            names=[one.name for one in new.state.remembered.places],
            thresholds=thresholds,
            notes=notes,
        )

    def of_interval(
        self,
        interval: Interval[DigestT],
        selection: Selection,
        *,
        thresholds: Thresholds | None = None,
    ) -> Report:
        """The report on what was logged in a time; arguments as :meth:`of_logs` takes them."""
        return self.report(interval.digest, selection, names=interval.files, thresholds=thresholds)


def _periods(
    names: Sequence[str], wanted: WantedT, baseline: Sequence[str]
) -> tuple[WantedT, tuple[Sequence[str], WantedT] | None]:
    """What is read, and what it is compared with: files, and what of them.

    Raises:
        UsageError: a time is none, or several are named.
    """
    if not baseline:
        return wanted, None
    if ".." not in baseline[0] or Path(baseline[0]).exists():
        return wanted, (baseline, _of(wanted))
    if len(baseline) > 1:
        raise UsageError("--baseline: one time, or several files")
    if STDIN in names:
        raise UsageError("--baseline: standard input can't be read twice; name a file")
    since, _, until = baseline[0].partition("..")
    before = _of(wanted, check_time(since), check_time(until))
    if not before.until:
        raise UsageError(f"--baseline {plain(baseline[0])}: name its end, too (SINCE..UNTIL)")
    # Without --since, what is compared is what came after the baseline.
    return _of(wanted, wanted.since or before.until, wanted.until), (names, before)


def _of(wanted: WantedT, since: str = "", until: str = "") -> WantedT:
    return replace(wanted, since=since, until=until)  # type: ignore[type-var]  # a dataclass
