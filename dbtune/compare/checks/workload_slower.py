"""compare.workload-slower"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.compare.model import Comparison
from dbtune.compare.noise import Verdict
from dbtune.compare.verdict import judge
from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.text import plural, ratio_text


@check("compare.workload-slower", tags=("statements",))
def workload_slower(comparison: Comparison) -> Iterator[Finding]:
    """The same calls take more time than before, all statements together.

    Why: The mix of calls is held equal, so that neither more load nor other statements explain it.

    Mistaken when: Something else kept the machine busy in one of the periods, or the cache was cold
    after a restart: it is an info as long as the work of the statements is the same.

    Remedy: Begin with the statements whose work changed; if none did, look at the machine (CPU,
    disks), at waits, and at the settings that changed.
    """
    found = judge(comparison.workload, known=comparison.statements is not None)
    if found.verdict is not Verdict.worse:
        return
    sure = found.sure != "low"
    workload = comparison.workload
    yield Finding(
        "all statements",
        f"{found.because} ({plural(workload.statements, 'statement')}, "
        f"{ratio_text(workload.covered_ratio)} of the time)",
        Remedy(
            "Begin with the statements whose work changed, then the settings, then the machine."
        ),
        evidence={
            "time_ratio": workload.time,
            "blocks_ratio": workload.work,
            "blocks_read_ratio": workload.reads,
        },
        level=Level.warning if sure else Level.info,
        confidence=Confidence.measured if sure else Confidence.rule_of_thumb,
    )
