"""The latency monitor is off."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.redis.facts.config import Config


@check(
    "redis.stalls-not-watched",
    level=Level.info,
    confidence=Confidence.rule_of_thumb,
    tags=("settings", "latency"),
)
def stalls_not_watched(config: Config) -> Iterator[Finding]:
    """The latency monitor is off.

    Why: Nobody can tell afterwards what held the server up: a command, a fork, the disk.

    Mistaken when: Something else measures it from outside.

    Remedy: latency-monitor-threshold 100 costs nothing.
    """
    if config.text("latency-monitor-threshold") == "0":
        yield Finding(
            "latency-monitor-threshold",
            "latency-monitor-threshold is 0: no event is recorded",
            Remedy("Turn it on.", config="latency-monitor-threshold 100"),
            {"latency_monitor_threshold": 0},
        )
