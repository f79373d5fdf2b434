"""How PostgreSQL's logs are read and told, for what reads logs of every engine."""

from __future__ import annotations

from dbtune.logs.kind import Kind
from dbtune.logs.slow_queries import Told
from dbtune.postgres.logs import detect as detecting
from dbtune.postgres.logs.compare import RATES, side
from dbtune.postgres.logs.detect import HEAD_BYTES, Detected, fits
from dbtune.postgres.logs.digest import Digest
from dbtune.postgres.logs.report import refuse_untold, report
from dbtune.postgres.logs.stream import Stream, Wanted

_MOST_STATEMENTS, _MOST_CELLS = 5000, 100_000
"""What is written to a file is less than what is kept while logs are read."""


def _detect(head: bytes, name: str, wanted: Wanted) -> Detected:
    return detecting.detect(head, name, wanted.format, wanted.prefix)


def _start(detected: Detected, text: bytes) -> int:
    return detected.format.start(text)


def _kept(digest: Digest) -> bool:
    return digest.bound(statements=_MOST_STATEMENTS, cells=_MOST_CELLS)


POSTGRES = Kind(
    "postgresql",
    Digest,
    HEAD_BYTES,
    goes_on=True,
    detect=_detect,
    fits=fits,
    start=_start,
    stream=Stream,
    kept=_kept,
    confined=("database", "user"),
)
TOLD = Told(POSTGRES, report, side, RATES, refuse_untold)
