"""Build suggested indexes, execute the statements before and after, keep those that help.

For a database where that is allowed: a staging copy, the demo. Statements are executed in a
READ ONLY transaction that is rolled back; what writes is not executed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dbtune.errors import TargetError, UsageError
from dbtune.postgres.explain.live import Request, explain
from dbtune.postgres.indexes.advice import Advice, Effect, FormEffect
from dbtune.postgres.indexes.apply import Builder, Built
from dbtune.postgres.indexes.forms import Form
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.session import Session, Transaction
from dbtune.postgres.sqltext import has_parameters
from dbtune.text import ms_text, plain

RUNS = 3
"""A statement is executed so often; the fastest counts, the others fill the cache."""
LEAST_GAIN = 0.1
"""An index helps if statements that use it take so much less time, or read so many fewer blocks."""


@dataclass(slots=True)
class Measured:
    """A statement before and after.

    Attributes:
        effect: the statement with its costs as predicted.
        planned: as it was executed, with values in place of its parameters, and as predicted.
        before_ms, after_ms: the fastest execution; ``None`` if it was not executed.
        before_blocks, after_blocks: of that execution, read from cache or disk.
        before_cost, after_cost: the planner's, with the real indexes.
        uses: names of the indexes that its plan uses afterwards.
        reason: why it was not executed, or "".
    """

    effect: Effect
    planned: FormEffect
    before_ms: float | None = None
    after_ms: float | None = None
    before_blocks: int | None = None
    after_blocks: int | None = None
    before_cost: float | None = None
    after_cost: float | None = None
    uses: frozenset[str] = frozenset()
    reason: str = ""

    @property
    def calls(self) -> float:
        """Executions in this form."""
        return self.effect.query.calls * self.planned.form.share


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of it."""

    measured: tuple[Measured, ...]
    built: tuple[Built, ...]


class Verifier:
    """Measures statements before and after indexes are built."""

    def __init__(self, session: Session, search_path: str) -> None:
        self._session = session
        self._search_path = search_path
        self._parts: dict[str, str] = {}

    def run(self, advice: Advice, builder: Builder) -> Verified:
        """Measure, build, measure, and drop what does not help.

        Raises:
            KeyboardInterrupt: interrupted; what had been built by then is dropped.
            TargetError: the connection broke.
        """
        self._know(advice)
        touched = [one for one in advice.effects if one.indexes]
        measured = [self._before(one, form) for one in touched for form in _forms(one)]
        built: list[Built] = []
        try:
            for one in advice.suggestions:
                built.append(builder.build(one.index))
                if built[-1].outcome == "built" and any(not k.column for k in one.index.keys):
                    builder.analyze(one.table)
            for each in measured:
                self._after(each)
        except BaseException:
            for made in built:
                if made.outcome == "built":
                    builder.drop(made, "interrupted")
            raise
        kept = [self._judge(one, measured, builder) for one in built]
        return Verified(tuple(measured), tuple(kept))

    def estimated(self, advice: Advice) -> list[Measured]:
        """The planner's costs with the real indexes; nothing is executed."""
        import psycopg

        from dbtune.postgres.indexes.estimating import Estimator, references
        from dbtune.postgres.indexes.planner import NotPlannable

        self._know(advice)
        estimator = Estimator(self._session.major)
        measured = []
        touched = [one for one in advice.effects if one.indexes]
        for found in (Measured(one, form) for one in touched for form in _forms(one)):
            measured.append(found)
            found.before_cost = found.planned.before
            try:
                with self._session.transaction(own_search_path=True) as transaction:
                    self._set_path(transaction, found.planned.form)
                    estimate = estimator.estimate(transaction, found.planned.form.sql)
            except NotPlannable as refused:
                found.reason = str(refused)
                continue
            except psycopg.Error as error:
                found.reason = _first_line(self._session.translated(error))
                continue
            found.after_cost = estimate.cost
            found.uses = self._whole(one.name for one in references(estimate.documents))
        return measured

    def _set_path(self, transaction: Transaction, form: Form) -> None:
        if path := form.search_path or self._search_path:
            transaction.rows("SELECT pg_catalog.set_config('search_path', %s, true)", (path,))

    def _before(self, effect: Effect, planned: FormEffect) -> Measured:
        found = Measured(effect, planned)
        if effect.query.writes:
            found.reason = "it writes"
        elif has_parameters(planned.form.sql):
            found.reason = "no value is known for one of its parameters"
        if found.reason:
            return found
        try:
            plan = self._fastest(planned.form)
        except (UsageError, TargetError) as refused:
            found.reason = _first_line(refused)
            return found
        found.before_ms, found.before_blocks = plan.execution_ms, _blocks(plan)
        found.before_cost = plan.root.total_cost
        return found

    def _after(self, found: Measured) -> None:
        if found.reason:
            return
        try:
            plan = self._fastest(found.planned.form)
        except (UsageError, TargetError) as refused:
            found.reason = _first_line(refused)
            return
        found.after_ms, found.after_blocks = plan.execution_ms, _blocks(plan)
        found.after_cost = plan.root.total_cost
        found.uses = self._whole(node.index for node in plan.nodes if node.index)

    def _fastest(self, form: Form) -> Plan:
        request = Request(
            form.sql,
            analyze=True,
            search_path=form.search_path or self._search_path,
            origin="the statement",
        )
        plans = [explain(self._session, request).plans[0] for _ in range(RUNS)]
        return min(plans, key=lambda plan: plan.execution_ms or 0.0)

    def _judge(self, made: Built, measured: Sequence[Measured], builder: Builder) -> Built:
        """Keep an index that helps a statement that was executed, drop it otherwise."""
        if made.outcome != "built":
            return made
        name = made.index.name
        mine = [one for one in measured if name in one.uses and one.after_ms is not None]
        executed = [one for one in measured if made.index in one.effect.indexes and not one.reason]
        if not executed and not mine:
            return made  # nothing that it is for could be executed: it is not known
        if not mine:
            return builder.drop(made, "no statement that was executed uses it")
        before = sum((one.before_ms or 0.0) * one.calls for one in mine)
        after = sum((one.after_ms or 0.0) * one.calls for one in mine)
        read = sum((one.before_blocks or 0) * one.calls for one in mine)
        reads = sum((one.after_blocks or 0) * one.calls for one in mine)
        less = 1 - LEAST_GAIN
        if after <= before * less or (after <= before and reads <= read * less):
            return made
        return builder.drop(
            made, f"statements with it took {ms_text(after)} instead of {ms_text(before)}"
        )

    def _know(self, advice: Advice) -> None:
        """Which suggested index the parts on partitions belong to, by their names."""
        self._parts = {
            one.index._replace(schema=leaf.schema, table=leaf.name).name: one.index.name
            for one in advice.suggestions
            for leaf in one.leaves
        }

    def _whole(self, names: Iterable[str]) -> frozenset[str]:
        """Names of indexes, in place of those of their parts on partitions."""
        return frozenset(self._parts.get(name, name) for name in names)


def _forms(effect: Effect) -> tuple[FormEffect, ...]:
    return effect.forms or (FormEffect(Form(effect.query.text), effect.before, effect.after),)


def _blocks(plan: Plan) -> int | None:
    buffers = plan.root.buffers
    return None if buffers is None else round(buffers.shared_hit + buffers.shared_read)


def _first_line(error: Exception) -> str:
    return plain(str(error).split("\n")[0])
