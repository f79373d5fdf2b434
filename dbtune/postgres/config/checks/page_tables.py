"""``pg.config-page-tables``."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.config.budget import page_table_bytes, shared_bytes
from dbtune.postgres.config.guc import MB
from dbtune.postgres.config.inputs import System
from dbtune.postgres.config.plan import Plan
from dbtune.text import bytes_text, ratio_text

_HUGE_PAGE = 2 * MB


@check("pg.config-page-tables", level=Level.info, confidence=Confidence.estimated)
def page_tables(
    plan: Plan, *, share: float = 0.05, least_bytes: int = 256 * MB
) -> Iterator[Finding]:
    """Page tables for shared_buffers take much memory without huge pages.

    Why: Every process keeps its own table of the shared memory that it has touched, 8 bytes for
    each 4 kB. With huge pages of 2 MB it is a five-hundredth of that, and access is faster.

    Mistaken when: Connections are short-lived or touch only a small part of shared_buffers; or the
    server runs in a container whose host gives it no huge pages.

    Remedy: Reserve huge pages before the server starts (vm.nr_hugepages); with huge_pages = try it
    takes them at its next start. What is reserved and not taken is lost to everything else.
    """
    if plan.inputs.system is not System.linux:
        return
    each, connections = page_table_bytes(plan), plan.count("max_connections")
    total, ram = each * connections, plan.inputs.ram_bytes
    if total <= max(share * ram, least_bytes):
        return
    pages = -(-int(shared_bytes(plan)) // _HUGE_PAGE)
    exact = "postgres -C shared_memory_size_in_huge_pages" if plan.inputs.version >= 15 else ""
    yield Finding(
        subject="huge_pages",
        message=(
            f"{connections} connections can come to hold {bytes_text(total)} of page tables, "
            f"{ratio_text(total / ram)} of RAM ({bytes_text(each)} each)."
        ),
        remedy=Remedy(
            f"Reserve about {pages} huge pages of 2 MB"
            + (f" (`{exact}` tells the number exactly)" if exact else "")
            + ": as root, in /etc/sysctl.d/.",
            config=f"vm.nr_hugepages = {pages}",
            effect="restart of PostgreSQL",
        ),
        evidence={
            "page_tables_bytes": round(total),
            "page_tables_per_connection_bytes": round(each),
            "huge_pages": pages,
        },
    )
