"""The queries that a server was asked, added up by shape, with some of their values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from dbtune.mongo.indexes.commands import Asked, asked
from dbtune.mongo.indexes.query import Query
from dbtune.mongo.indexes.views import View, resolved
from dbtune.mongo.masking import field as masked
from dbtune.mongo.shape import shape_of

MOST_EXAMPLES = 3
"""Commands with their values that are kept of each shape: indexes are judged by them."""
MOST_SHAPES = 2_000
MOST_VARIANTS = 20
"""Different fields, told apart, whose names a shape leaves out since they look like data."""


@dataclass(slots=True)
class Usage:
    """A query shape: how often it was asked and what it took, and examples of it.

    Attributes:
        text: the shape, without values.
        namespace: the collection that is read.
        calls: how often; for what a ``$lookup`` asks, once for each document.
        total_ms: time of the commands that asked it.
        docs: documents examined by them, where told.
        rows: documents returned by them, where told.
        examples: the query with values, of the slowest commands.
        joined: it is asked for each document of another collection.
        failed: it ended with this error: no index for ``$text`` or ``$near``.
    """

    text: str
    namespace: str
    calls: float = 0.0
    total_ms: float = 0.0
    docs: float | None = None
    rows: float | None = None
    examples: list[tuple[float, Query]] = field(default_factory=list)
    joined: bool = False
    failed: str = ""

    @property
    def queries(self) -> list[Query]:
        """The examples' queries."""
        return [query for _, query in self.examples]


class Workload:
    """Operations added up by shape.

    Attributes:
        views: what is asked of these is added up as asked of their collections.
        usages: by the shape's text, the collection, and the fields that the text does not name.
        operations: how many were added.
        writes: operations that write, by collection.
        left_out: operations of shapes beyond the most that are kept.
        hinted: operations that name the index that they want.
    """

    def __init__(self, views: Mapping[str, View] = MappingProxyType({})) -> None:
        self.views = views
        self.usages: dict[tuple[str, ...], Usage] = {}
        self._variants: Counter[tuple[str, str]] = Counter()
        self.operations = 0
        self.writes: dict[str, int] = {}
        self.left_out = self.hinted = 0

    def add_all(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Add operations as system.profile keeps them."""
        for one in documents:
            self.add(one)

    def add(self, document: Mapping[str, Any]) -> None:
        """Add one operation; other kinds than queries are passed over."""
        namespace = str(document.get("ns", "")).partition(".$cmd")[0]
        operation = str(document.get("op", ""))
        if operation in ("insert", "update", "remove"):
            self.writes[namespace] = self.writes.get(namespace, 0) + 1
        command = document.get("command")
        if operation == "getmore":
            return  # its query was recorded, or was fast
        if not isinstance(command, Mapping) or "$truncated" in command or "." not in namespace:
            return
        self.operations += 1
        self.hinted += bool(command.get("hint"))
        text = shape_of(document).text
        for one in asked(*resolved(self.views, namespace, command)):
            self._count(text, one, document)

    def _count(self, text: str, one: Asked, document: Mapping[str, Any]) -> None:
        namespace = one.query.namespace
        unnamed = sorted(path for path in one.query.paths if masked(path) != path)
        which: tuple[str, ...] = (text, namespace, *unnamed)
        usage = self.usages.get(which)
        if usage is None:
            most = self._variants[text, namespace] >= MOST_VARIANTS
            if most or len(self.usages) >= MOST_SHAPES:
                self.left_out += 1
                return
            self._variants[text, namespace] += 1
            usage = self.usages[which] = Usage(text, namespace, joined=one.joined)
        ms = _number(document.get("millis")) or 0.0
        usage.calls += 1
        usage.total_ms += ms
        for name, key in (("docs", "docsExamined"), ("rows", "nreturned")):
            told = _number(document.get(key))
            if told is not None:
                setattr(usage, name, (getattr(usage, name) or 0.0) + told)
        error = document.get("errCode")
        if error in (27, 291):
            usage.failed = str(document.get("errMsg") or "no index for it")
        usage.examples.append((ms, one.query))
        if len(usage.examples) > MOST_EXAMPLES:
            usage.examples.sort(key=lambda example: -example[0])
            del usage.examples[MOST_EXAMPLES:]


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return max(0.0, float(value))


def single(query: Query, text: str) -> Workload:
    """A workload of one query that the user wrote."""
    found = Workload()
    found.operations = 1
    found.usages[text, query.namespace] = Usage(text, query.namespace, 1.0, examples=[(0.0, query)])
    return found
