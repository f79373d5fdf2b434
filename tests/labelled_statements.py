"""Statements whose best index is known, and statements that no index should be suggested for.

They stand in ``tests/labelled``. Used by tests and by ``scripts/bench/index-kinds``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from dbtune.postgres.indexes.advice import Advice, Options
from dbtune.postgres.indexes.advise import advise
from dbtune.postgres.indexes.choose import open_planner
from dbtune.postgres.indexes.definition import Definition
from dbtune.postgres.indexes.planner import PlannerChoice
from dbtune.postgres.indexes.size import IndexSizes
from dbtune.postgres.indexes.workload import from_script
from dbtune.postgres.relations.collect import read_relations
from dbtune.postgres.relations.views import read_views
from dbtune.postgres.session import Session
from tests.servers import Postgres

FOLDER = Path(__file__).parent / "labelled"


class Case(NamedTuple):
    """A statement with the indexes that serve it best.

    Attributes:
        name: of the case.
        sql: the statement.
        best: for each index that is wanted, the forms that are equally good; none if no index is.
    """

    name: str
    sql: str
    best: tuple[tuple[str, ...], ...]


class Outcome(NamedTuple):
    """What was suggested for a case.

    Attributes:
        case: the case.
        labels: the indexes that were suggested for it.
        right: whether all that are wanted are among them, or none where none is wanted.
        gain: share of the statement's cost that they save.
    """

    case: Case
    labels: tuple[str, ...]
    right: bool
    gain: float

    @property
    def told(self) -> str:
        """For people."""
        return f"{self.gain:6.1%}  {'; '.join(self.labels) or '-'}"


def cases(name: str, *, only: str = "") -> list[Case]:
    """The cases of a file: a name as a comment, ``--:`` before each wanted index, a statement."""
    found = []
    for block in (FOLDER / f"{name}.sql").read_text().split("\n\n")[1:]:
        lines = block.strip().splitlines()
        best = [tuple(one[3:].strip().split(" | ")) for one in lines if one.startswith("--:")]
        sql = "\n".join(one for one in lines if not one.startswith("--")).removesuffix(";")
        found.append(Case(lines[0].removeprefix("-- "), sql, tuple(best)))
    return [one for one in found if only in one.name]


def create(server: Postgres, name: str, schema: str = "schema") -> str:
    """Make a database with a schema of the folder; its URL."""
    server.psql(f'CREATE DATABASE "{name}"')
    fill(server, name, schema)
    return server.dsn(name)


def fill(server: Postgres, database: str, schema: str = "schema") -> None:
    """Make the tables of a schema of the folder, and HypoPG where it can be had."""
    server.psql((FOLDER / f"{schema}.sql").read_text(), database)
    if server.version == 15:
        server.psql("CREATE EXTENSION hypopg", database)
    server.psql("VACUUM ANALYZE", database)


def judge(
    session: Session, choice: PlannerChoice, ones: list[Case], *, together: bool
) -> list[Outcome]:
    """Ask for all statements together, or for each by itself."""
    statements = [one.sql for one in ones]
    relations = replace(read_relations(session), views=read_views(session, statements))
    sizes = IndexSizes(relations)
    outcomes = []
    with open_planner(session, choice, statements=statements).planner as planner:
        for group in [ones] if together else [[one] for one in ones]:
            found = advise(
                planner,
                relations,
                from_script(";\n".join(one.sql for one in group), "labelled"),
                Options(),
                size=lambda one: sizes.of(one).likely_bytes,
            )
            wanted = {one.sql for one in group if one.best}
            useful = {
                index for one in found.effects if one.query.text in wanted for index in one.indexes
            }
            outcomes += [_outcome(one, found, useful) for one in group]
    return outcomes


def _outcome(case: Case, found: Advice, useful: set[Definition]) -> Outcome:
    """
    Args:
        case: the case.
        found: what was suggested.
        useful: indexes that statements use that want one: no false alarm if others use them, too.
    """
    effect = next((one for one in found.effects if one.query.text == case.sql), None)
    if effect is None:
        return Outcome(case, (), not case.best, 0.0)
    mine = {one.label for one in found.suggestions if one.index in effect.indexes}
    right = all(any(is_best(label, forms) for label in mine) for forms in case.best)
    right = right if case.best else not set(effect.indexes) - useful
    return Outcome(case, tuple(sorted(mine)), right, 1 - effect.after / effect.before)


def is_best(label: str, forms: tuple[str, ...]) -> bool:
    """Whether an index, as people are shown it, has one of these forms."""
    label = label.removeprefix("public.")
    return any(re.fullmatch(re.escape(f).replace(r"\.\.\.", ".*"), label) for f in forms)
