"""A statement on its way from the workload to the advice."""

from __future__ import annotations

from dataclasses import dataclass, field

from dbtune.postgres.indexes.forms import Form
from dbtune.postgres.indexes.planner import Planned
from dbtune.postgres.indexes.uses import Use
from dbtune.postgres.indexes.workload import Query


@dataclass(slots=True)
class Work:
    """A statement on its way, in one of its forms."""

    query: Query
    form: Form
    base: Planned
    uses: list[Use] = field(default_factory=list)
    mean_cost: float = 0.0  # of all forms of the statement

    @property
    def calls(self) -> float:
        """Executions in this form."""
        return self.query.calls * self.form.share

    @property
    def weight(self) -> float:
        """What one unit of its cost counts: all statements' costs add up to times, or to calls."""
        total = self.query.calls if self.query.total_ms is None else self.query.total_ms
        return self.form.share * total / max(self.mean_cost, 1e-9)
