"""Much memory is lost between keys."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.redis.facts.info import Info
from dbtune.text import bytes_text


@check("redis.memory-fragmented", tags=("memory",))
def memory_fragmented(
    info: Info, *, min_ratio: float = 1.4, min_bytes: float = 100 * 1024**2
) -> Iterator[Finding]:
    """Much memory is lost between keys.

    Why: The process takes far more of the machine than its data, and maxmemory does not count
        it.

    Mistaken when: It was larger before and gives the rest back as it is needed.

    Remedy: activedefrag yes where the build has it; else a restart or a failover.
    """
    ratio, lost = info.number("allocator_frag_ratio"), info.number("allocator_frag_bytes")
    if ratio < min_ratio or lost < min_bytes:
        return
    jemalloc = "jemalloc" in info.text("mem_allocator")
    yield Finding(
        "memory",
        f"{bytes_text(lost)} lie between allocations (allocator_frag_ratio {ratio:.2f}); "
        f"the data take {bytes_text(info.number('used_memory'))}",
        Remedy(
            "Let it defragment while it runs." if jemalloc else "Restart it, or fail over.",
            config="activedefrag yes" if jemalloc else "",
            effect="up to 25 % of its CPU meanwhile; builds with the system's jemalloc (Debian's)"
            " refuse it: then restart it, or fail over"
            if jemalloc
            else "",
        ),
        {"allocator_frag_ratio": ratio, "lost_bytes": lost},
    )
