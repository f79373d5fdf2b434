"""A replica is far behind."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.redis.facts.info import Info
from dbtune.text import bytes_text


@check("redis.replica-lags", tags=("replication",))
def replica_lags(
    info: Info, *, min_bytes: float = 10 * 1024**2, min_ratio: float = 0.05
) -> Iterator[Finding]:
    """A replica is far behind.

    Why: Reads there are stale; beyond the backlog it needs a full copy.

    Mistaken when: It has just been connected.

    Remedy: Network, the replica's CPU, a larger repl-backlog-size.
    """
    offset, backlog = info.number("master_repl_offset"), info.number("repl_backlog_size")
    for name, value in sorted(info.fields.items()):
        if not (name.startswith("slave") and name[5:].isdigit()):
            continue
        parts = dict(part.partition("=")[::2] for part in value.split(","))
        behind = offset - float(parts.get("offset") or 0)
        if parts.get("state") != "online" or behind < max(min_bytes, min_ratio * backlog):
            continue
        yield Finding(
            f"replica {parts.get('ip')}:{parts.get('port')}",
            f"{bytes_text(behind)} behind; the backlog holds {bytes_text(backlog)}",
            Remedy("See its network and CPU; a larger backlog.", config="repl-backlog-size 256mb"),
            {"behind_bytes": behind, "backlog_bytes": backlog},
        )
