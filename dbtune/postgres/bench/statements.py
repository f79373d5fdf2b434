"""The workload's own reading statements as scripts: from pg_stat_statements, with values."""

from __future__ import annotations

import re
from collections import Counter

import psycopg

from dbtune.errors import DbtuneError, Unavailable, UsageError
from dbtune.postgres.bench.workloads import Loadable, Script
from dbtune.postgres.explain.live import Request, explain
from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.indexes.estimating import Estimator
from dbtune.postgres.indexes.forms import Form, Forms
from dbtune.postgres.indexes.planner import NotPlannable, Planned
from dbtune.postgres.indexes.sources import of_server
from dbtune.postgres.indexes.workload import Query
from dbtune.postgres.relations.collect import read_relations
from dbtune.postgres.server import read_server
from dbtune.postgres.session import Session, Transaction
from dbtune.statements import Wait
from dbtune.text import plain, plural, ratio_text

MOST = 20
"""Statements, those that took most time."""
_SLOWEST_MS = 1000.0
"""A statement that takes longer would be all that a short measurement consists of."""
_HEAVIEST = 1000
"""pgbench's weights are whole numbers: the statement that is called most often has this one."""
# READ ONLY keeps functions from writing rows, and from nothing else.
_ACTS = re.compile(
    r"\b(pg_\w+|lo_\w+|dblink\w*|set_config|nextval|setval|query_to_xml\w*|database_to_xml\w*)"
    r'"?\s*\(',
    re.IGNORECASE,
)
_LOCKS = re.compile(r"\bFOR\s+(?:NO\s+KEY\s+)?(?:UPDATE|SHARE|KEY\s+SHARE)\b", re.IGNORECASE)
_VARIABLE = re.compile(r"(?<!:):(?:client_id|scale|random_seed|default_seed)\b")


def reading_statements(session: Session, wait: Wait) -> Loadable:
    """Statements of the session's database that only read, each as often as it was called.

    Raises:
        UsageError: there are none that can be executed.
        TargetError: the connection broke.
    """
    server = read_server(session)
    hint = "give --file FILE, or --workload tpcb --allow-write"
    try:
        workload = of_server(session, server, "pg_stat_statements", 0, wait)
        forms = Forms(_Asked(session), Catalog(read_relations(session)))
    except Unavailable as missing:
        raise UsageError(f"no workload: {missing}; {hint}") from None
    total = sum(one.total_ms or 0.0 for one in workload.queries)
    taken: list[tuple[str, float]] = []
    covered, left = 0.0, Counter[str]()
    for query in workload.queries:
        if len(taken) >= MOST:
            left[f"beyond the first {MOST}"] += 1
            continue
        if reason := _unfit(query):
            left[reason] += 1
            continue
        found = _scripts(session, forms, query, left)
        taken += found
        covered += (query.total_ms or 0.0) if found else 0.0
    if not taken:
        why = f" ({_listed(left)})" if left else ""
        raise UsageError(f"pg_stat_statements has no statement that can be used{why}; {hint}")
    most = max(calls for _, calls in taken)
    scripts = tuple(Script(text, max(1, round(_HEAVIEST * calls / most))) for text, calls in taken)
    notes = [
        f"the load is {plural(len(scripts), 'reading statement')} of pg_stat_statements, with "
        f"values from statistics: {ratio_text(covered / total if total else 0)} of its time"
    ]
    notes += [f"left out: {_listed(left)}"] if left else []
    return Loadable("statements of pg_stat_statements", scripts, notes=tuple(notes))


class _Asked:
    """The target's own planner, without hypothetical indexes."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._estimator = Estimator(session.major)

    def plan(self, statement: str, *, search_path: str = "") -> Planned:
        """See :meth:`dbtune.postgres.indexes.planner.Planner.plan`."""
        try:
            with self._session.transaction(own_search_path=True) as transaction:
                _look_in(transaction, search_path)
                found = self._estimator.estimate(transaction, statement)
        except psycopg.Error as error:
            raise NotPlannable(str(self._session.translated(error))) from None
        return Planned(found.cost, frozenset(), frozenset(), found.largest)

    def parameter_types(self, statement: str, *, search_path: str = "") -> list[str]:
        """See :meth:`dbtune.postgres.indexes.planner.Planner.parameter_types`."""
        try:
            with self._session.transaction(own_search_path=True) as transaction:
                _look_in(transaction, search_path)
                return self._estimator.parameter_types(transaction, statement)
        except psycopg.Error as error:
            raise NotPlannable(str(self._session.translated(error))) from None


def _look_in(transaction: Transaction, search_path: str) -> None:
    if search_path:
        transaction.rows("SELECT pg_catalog.set_config('search_path', %s, true)", (search_path,))


def _unfit(query: Query) -> str:
    """Why a statement is left out, before anybody is asked; or ""."""
    text = query.text
    if query.writes or not text.lstrip("( \n\t").lower().startswith(("select", "with", "values")):
        return "writing"
    if _LOCKS.search(text):
        return "locking rows"
    if _ACTS.search(text):
        return "calling functions that may act"
    # What pgbench would take for a command or a variable of its own.
    if "\\" in text or _VARIABLE.search(text):
        return "with a backslash or a colon that pgbench would take for its own"
    return ""


def _scripts(
    session: Session, forms: Forms, query: Query, left: Counter[str]
) -> list[tuple[str, float]]:
    """A statement's forms that can be executed, and how often each was."""
    try:
        planned = [one.form for one in forms.of(query)]
    except NotPlannable:
        left["that the server refuses"] += 1
        return []
    found = []
    for form in planned:
        if form.generic:
            left["with parameters whose values nobody knows"] += 1
        elif "\\" in form.sql or _VARIABLE.search(form.sql):
            left["with values that pgbench would take for its own"] += 1
        elif reason := _refused(session, form):
            left[reason] += 1
        else:
            found.append((_script(form), query.calls * form.share))
    return found


def _refused(session: Session, form: Form) -> str:
    """Execute a statement once, read-only; why it is left out, or ""."""
    request = Request(form.sql, analyze=True, search_path=form.search_path, origin="a statement")
    try:
        plan = explain(session, request).plans[0]
    except DbtuneError:
        if session.is_broken:
            raise
        return "that failed, or took too long"
    return "slower than 1 s" if (plan.execution_ms or 0) > _SLOWEST_MS else ""


def _script(form: Form) -> str:
    # A comment at its end must not swallow the semicolon.
    statement = f"{form.sql.rstrip().rstrip(';')}\n;\n"
    if not form.search_path:
        return statement
    path = form.search_path
    return f"BEGIN;\nSET LOCAL search_path = {path};\n{statement}END;\n"


def _listed(left: Counter[str]) -> str:
    return ", ".join(f"{count} {plain(reason)}" for reason, count in left.most_common())
