"""How much is taken of what there is only so much of: connections, memory, transaction ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from dbtune.finding import Check


class Gauge(NamedTuple):
    """Something of which there is only so much.

    Attributes:
        name: a stable name; carries the unit.
        title: for people.
        used: how much is taken.
        room: how much there is.
        kind: how it is shown, as a column's.
        warning_ratio, critical_ratio: from which share on the health check complains.
    """

    name: str
    title: str
    used: float
    room: float
    kind: Literal["int", "bytes", "seconds"]
    warning_ratio: float
    critical_ratio: float

    @property
    def ratio(self) -> float:
        """Which share is taken."""
        return self.used / self.room if self.room else 0.0

    @property
    def level(self) -> str:
        """``ok``, ``warning`` or ``critical``."""
        if self.ratio >= self.critical_ratio:
            return "critical"
        return "warning" if self.ratio >= self.warning_ratio else "ok"


def limits(check: Check, thresholds: Mapping[str, Mapping[str, object]]) -> dict[str, Any]:
    """The thresholds of a health check, as overridden: a gauge warns where it does."""
    return {**check.thresholds, **thresholds.get(check.name, {})}


def ratios(check: Check, thresholds: Mapping[str, Mapping[str, object]]) -> tuple[float, float]:
    """``warning_ratio`` and ``critical_ratio`` of a check."""
    own = limits(check, thresholds)
    return float(own["warning_ratio"]), float(own["critical_ratio"])
