"""The last save is long ago though there were changes."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.redis.facts.config import Config
from dbtune.redis.facts.info import Info
from dbtune.text import ms_text


@check("redis.save-overdue", tags=("persistence",))
def save_overdue(
    info: Info, config: Config, *, min_changes: float = 1000, warning_seconds: float = 86_400
) -> Iterator[Finding]:
    """The last save is long ago though there were changes.

    Why: What changed since is lost in a crash.

    Mistaken when: The append-only file has it.

    Remedy: See whether saves fail; BGSAVE.
    """
    if not config.text("save") or config.text("appendonly") == "yes":
        return
    changes, saved = info.number("rdb_changes_since_last_save"), info.number("rdb_last_save_time")
    now = info.number("server_time_usec") / 1e6
    age = now - saved if now and saved else 0.0
    if changes < min_changes or age < warning_seconds:
        return
    yield Finding(
        "RDB",
        f"{changes:,.0f} changes since the last save, {ms_text(age * 1000)} ago",
        Remedy("Save it now, and see the log for why it did not.", sql="BGSAVE"),
        {"changes": changes, "age_seconds": age},
    )
