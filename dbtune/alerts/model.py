"""A rule for Prometheus, and what its threshold comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from dbtune.pooling.model import PoolPlan


class Alert(NamedTuple):
    """One rule.

    Attributes:
        name: in the style of Prometheus' own.
        expression: in PromQL.
        lasting: how long it must be so.
        severity: ``critical`` wakes somebody.
        summary: what is wrong, for the message; Prometheus fills in ``{{ }}``.
        action: what to do first.
        threshold: how the threshold came about.
    """

    name: str
    expression: str
    lasting: str
    severity: str
    summary: str
    action: str
    threshold: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What thresholds are derived from.

    Attributes:
        plan: the pools, as far as they are known.
        request_seconds: how long the application lets a request take.
        lag_seconds: how old a replica's answers may be.
    """

    plan: PoolPlan
    request_seconds: float = 30.0
    lag_seconds: float = 30.0

    @property
    def wait_seconds(self) -> float:
        """From which on a wait for a connection is worth a message."""
        target = self.plan.demand.target_ms / 1000 if self.plan.demand else 0.0
        return max(1.0, 10 * target)
