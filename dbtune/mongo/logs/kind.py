"""How MongoDB's logs are read and told, for what reads logs of every engine."""

from __future__ import annotations

from dbtune.logs.kind import Kind
from dbtune.logs.slow_queries import Told
from dbtune.mongo.logs import entries
from dbtune.mongo.logs.compare import RATES, side
from dbtune.mongo.logs.digest import Digest
from dbtune.mongo.logs.entries import HEAD_BYTES, Detected, fits
from dbtune.mongo.logs.report import report
from dbtune.mongo.logs.stream import Stream, Wanted


def _detect(head: bytes, name: str, _wanted: Wanted) -> Detected:
    return entries.detect(head, name)


def _start(_detected: Detected, text: bytes) -> int:
    return entries.start(text)


MONGODB = Kind(
    "mongodb",
    Digest,
    HEAD_BYTES,
    goes_on=False,
    detect=_detect,
    fits=fits,
    start=_start,
    stream=Stream,
    kept=Digest.bound,
)
TOLD = Told(MONGODB, report, side, RATES)
