"""What Citus prints below its Custom Scan in the structured formats, as its text format shows it.

ExplainDistributedQuery() in multi_explain.c: sub-plans, tasks with the plan that a worker made, and
the jobs that move rows between workers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dbtune.postgres.plans.raw import Raw, items

_QUERY = "Distributed Query"
_REMOTE = ("Remote Plan", "PlannedStmt")
_SELECTS = ("Select Query", "Source Query")


def with_tasks(node: Raw) -> Raw:
    """A node with what Citus says of its distributed query as its own keys and children."""
    query = node.get(_QUERY)
    if not isinstance(query, Mapping):
        return node
    job = query.get("Job")
    job = job if isinstance(job, Mapping) else {}
    plans = [*items(node.get("Plans")), *_subplans(query), *_tasks(job), *_jobs(job)]
    own = {key: value for key, value in node.items() if key != _QUERY}
    return own | _plain(query) | _plain(job) | {"Plans": plans}


def _subplans(query: Raw) -> Iterator[Raw]:
    for key in _SELECTS:
        plans, _ = _plans_in(query.get(key))
        yield from plans
    for one in items(query.get("Subplans")):
        if isinstance(one, Mapping):
            yield _remote("Distributed Subplan", one)


def _tasks(job: Raw) -> Iterator[Raw]:
    for one in items(job.get("Tasks")):
        if isinstance(one, Mapping):
            yield _remote("Task", one)


def _jobs(job: Raw) -> Iterator[Raw]:
    for one in items(job.get("Dependent Jobs")):
        if isinstance(one, Mapping):
            yield _plain(one) | {"Node Type": "MapMergeJob", "Plans": list(_jobs(one))}


def _remote(kind: str, task: Raw) -> Raw:
    """A node for a statement that runs elsewhere, with its plan below it and its times."""
    plans, beside = _plans_in([task.get(key) for key in _REMOTE])
    return beside | _plain(task) | {"Node Type": kind, "Plans": plans}


def _plans_in(value: object) -> tuple[list[Raw], dict[str, Any]]:
    """The root nodes in nested lists of plans, and what stands beside them."""
    plans: list[Raw] = []
    beside: dict[str, Any] = {}
    pending = [value]
    while pending:
        one = pending.pop(0)
        if isinstance(one, list):
            pending = [*one, *pending]
        elif isinstance(one, Mapping):
            if "Node Type" in one:
                plans.append(one)
            else:
                beside |= _plain(one)
                pending = [*one.values(), *pending]
    return plans, beside


def _plain(raw: Raw) -> dict[str, Any]:
    """The keys whose values are no lists or mappings."""
    return {key: value for key, value in raw.items() if not isinstance(value, list | Mapping)}
