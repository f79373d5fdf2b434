"""Settings promise more memory than there is."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.facts.instance import Instance
from dbtune.postgres.facts.settings import Settings
from dbtune.text import bytes_text


@check("pg.memory-over-ram", confidence=Confidence.estimated, tags=("settings", "memory"))
def memory_over_ram(
    settings: Settings, instance: Instance, *, max_shared_ratio: float = 0.6
) -> Iterator[Finding]:
    """Settings promise more memory than there is.

    Why: Under load the kernel ends the server's processes, and all sessions with them.

    Mistaken when: Connections are far fewer than max_connections in fact, and a pooler makes
        sure of it.

    Remedy: Less work_mem or max_connections; dbtune gen-config postgresql makes a budget.
    """
    ram = instance.ram_bytes
    shared, work = settings.size("shared_buffers"), settings.size("work_mem")
    connections = settings.number("max_connections")
    if not ram or not shared or not work or not connections:
        return
    promised = shared + connections * work
    if promised <= ram and shared <= max_shared_ratio * ram:
        return
    yield Finding(
        "shared_buffers" if shared > max_shared_ratio * ram else "work_mem",
        f"shared_buffers {bytes_text(shared)} and {connections:.0f} connections with one "
        "work_mem of "
        f"{bytes_text(work)} each make {bytes_text(promised)} of {bytes_text(ram)} RAM "
        f"({instance.source})",
        Remedy("dbtune gen-config postgresql proposes values that fit, with a proof."),
        {"promised_bytes": promised, "ram_bytes": ram, "shared_buffers_bytes": shared},
        level=Level.critical if shared > ram else Level.warning,
    )
