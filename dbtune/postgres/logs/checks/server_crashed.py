"""pg.server-crashed"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.logs.digest import Digest
from dbtune.text import plain, plural


@check("pg.server-crashed", level=Level.critical, tags=("log",))
def server_crashed(digest: Digest) -> Iterator[Finding]:
    """A process of the server was killed or crashed, or the server ended without a shutdown.

    Why: All sessions are ended and the server recovers from WAL; clients see broken connections.

    Mistaken when: Somebody killed it on purpose, or the machine was switched off.

    Remedy: Signal 9 is mostly the kernel's out-of-memory killer: lower work_mem or connections, set
    vm.overcommit_memory = 2. Signal 11 is a bug: update, look at extensions, keep the core file.
    """
    crashes = [one for one in digest.events.server.found.values() if one.kind == "crash"]
    # Which process it was; that all others were ended and WAL was replayed only follows from it.
    causes = [one for one in crashes if "(PID ?)" in one.message]
    for one in causes or crashes:
        yield Finding(
            subject=plain(one.message),
            message=f"{plural(one.count, 'time')}"
            + (f"; {plain(one.detail)}" if one.detail else ""),
            evidence={"count": one.count, "detail": one.detail or None},
            remedy=Remedy(
                "See the kernel's log at that time (dmesg, journalctl -k) and what the process ran."
            ),
        )
    panics = [one for one in digest.events.errors.classes.values() if one.level == "PANIC"]
    for panic in panics:
        yield Finding(
            subject=plain(panic.message),
            message=f"PANIC, {plural(panic.count, 'time')}",
            evidence={"count": panic.count, "sqlstate": panic.state or None},
            remedy=Remedy("Look at disk space and the storage's health first; keep the log."),
        )
