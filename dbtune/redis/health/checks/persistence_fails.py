"""Saving to disk fails."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.facts.info import Info


@check("redis.persistence-fails", level=Level.critical, tags=("persistence",))
def persistence_fails(info: Info) -> Iterator[Finding]:
    """Saving to disk fails.

    Why: After a restart the data are as old as the last save that worked, or gone.

    Mistaken when: It failed once, before a save that worked.

    Remedy: See the server's log: disk full, rights, memory for the fork.
    """
    for name in ("rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status"):
        if info.text(name) not in ("", "ok"):
            yield Finding(
                name,
                f"{name} is {info.text(name)}; {info.number('rdb_changes_since_last_save'):,.0f} "
                "changes since the last save",
                Remedy("The server's log says why."),
                {"status": info.text(name)},
            )
