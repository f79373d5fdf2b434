"""This replica has lost its master."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.facts.info import Info
from dbtune.text import ms_text, plain


@check("redis.replica-disconnected", level=Level.critical, tags=("replication",))
def replica_disconnected(info: Info) -> Iterator[Finding]:
    """This replica has lost its master.

    Why: Its data grow stale, and it can't take over without loss.

    Mistaken when: The master is just being restarted.

    Remedy: See both logs: address, password, output buffer of the replica too small.
    """
    if info.text("role") != "slave" or info.text("master_link_status") in ("", "up"):
        return
    told = info.number("master_link_down_since_seconds", -1)
    down = told if told >= 0 else None  # -1 of a link that was not up since the replica started
    master = plain(f"{info.text('master_host')}:{info.text('master_port')}")
    since = f"for {ms_text(down * 1000)}" if down is not None else "and was not up since the start"
    copying = info.text("master_sync_in_progress") == "1"
    yield Finding(
        "master",
        f"the link to {master} is {plain(info.text('master_link_status'))}, {since}"
        + ("; the data are being copied anew" if copying else ""),
        Remedy("See the server's log."),
        {"down_seconds": down},
    )
