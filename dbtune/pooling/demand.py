"""What the application asks for: connections busy at the peak, and how long it may wait."""

from __future__ import annotations

from typing import NamedTuple

from dbtune.pooling.derivation import Step
from dbtune.pooling.inputs import PoolInputs, round_up
from dbtune.pooling.queueing import Wait, busy_connections, smallest_pool, waiting
from dbtune.text import count_text, ms_text

BUSIEST = 0.9
"""No pool is planned busier: above it, measured waits leave the model, and bursts need room."""

LITTLE = "Little's law (1961)"
ERLANG = "Erlang C (M/M/c)"
ALLEN_CUNNEEN = "Erlang C, scaled for variance by Allen and Cunneen"


class Demand(NamedTuple):
    """A load on a pool.

    Attributes:
        per_second: transactions per second at the peak.
        hold_ms: mean time that each holds a connection.
        variance: squared coefficient of variation of the hold time.
        target_ms: 95 % should wait no longer.
        busy_mean: connections busy at the mean rate.
        busy_peak: connections busy at the peak rate.
    """

    per_second: float
    hold_ms: float
    variance: float
    target_ms: float
    busy_mean: float
    busy_peak: float

    @property
    def waits_source(self) -> str:
        """Which model the waits come from."""
        return ERLANG if self.variance == 1 else ALLEN_CUNNEEN

    def needed(self, pools: int = 1, load: float = 1.0) -> int | None:
        """The smallest size of each of ``pools`` equal pools at ``load`` times the peak."""
        offered = self.busy_peak * load / pools
        size = smallest_pool(offered, self.hold_ms, self.target_ms, variance=self.variance)
        return None if size is None else max(size, round_up(offered / BUSIEST))

    def wait(self, size: int, pools: int = 1) -> Wait | None:
        """Waits before each of ``pools`` equal pools at the peak; ``None`` when unbounded."""
        return waiting(self.busy_peak / pools, self.hold_ms, size, self.variance)


def demand_of(inputs: PoolInputs, steps: list[Step]) -> Demand | None:
    """The demand, or ``None`` when rate or hold time are not known."""
    rate, hold = inputs.requests_per_second, inputs.hold_time_ms
    if rate is None or hold is None:
        return None
    mean, peak_rate = busy_connections(rate, hold), rate * inputs.peak_factor
    peak = mean * inputs.peak_factor
    target = inputs.target_wait_ms
    steps.append(
        Step(
            "a" if inputs.peak_factor == 1 else "L",
            "busy connections" if inputs.peak_factor == 1 else "busy connections on average",
            "λ · S",
            f"{count_text(rate)}/s × {ms_text(hold)}",
            mean,
            "connections",
            LITTLE,
        )
    )
    if inputs.peak_factor != 1:
        steps.append(
            Step(
                "a",
                "busy connections at the peak",
                "L · peak factor",
                f"{count_text(mean)} × {count_text(inputs.peak_factor)}",
                peak,
                "connections",
                LITTLE,
            )
        )
    if target is None:
        target = min(5.0, hold / 4)
        steps.append(
            Step(
                "T",
                "target for the wait, p95",
                "min(5 ms, S / 4)",
                f"min(5 ms, {ms_text(hold)} / 4)",
                target,
                "ms",
                "dbtune: a wait that users don't notice",
            )
        )
    return Demand(peak_rate, hold, inputs.variance, target, mean, peak)
