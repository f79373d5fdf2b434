"""This replica has lost its master."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.facts.info import Info
from dbtune.text import ms_text


@check("redis.replica-disconnected", level=Level.critical, tags=("replication",))
def replica_disconnected(info: Info) -> Iterator[Finding]:
    """This replica has lost its master.

    Why: Its data grow stale, and it can't take over without loss.

    Mistaken when: The master is just being restarted.

    Remedy: See both logs: address, password, output buffer of the replica too small.
    """
    if info.text("role") != "slave" or info.text("master_link_status") in ("", "up"):
        return
    down = info.number("master_link_down_since_seconds")
    yield Finding(
        "master",
        f"the link to {info.text('master_host')}:{info.text('master_port')} is "
        f"{info.text('master_link_status')}, for {ms_text(down * 1000)}",
        Remedy("See the server's log."),
        {"down_seconds": down},
    )
