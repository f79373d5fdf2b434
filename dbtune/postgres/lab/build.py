"""Make the objects of a lab: what can't be made is left out and told, never fatal.

Two roles work here. The superuser runs only statements of our own. Whatever comes from the target
(definitions, bodies of functions) is run as ``OWNER``, who may do nothing but own the lab's
objects: a database that somebody else controls must not get to run commands on this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import ExitStack
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from dbtune.errors import TargetError
from dbtune.postgres.embedded.server import EmbeddedPostgres
from dbtune.postgres.lab import ddl
from dbtune.postgres.lab.collation import collation_of
from dbtune.postgres.lab.source import Source, SourceFunction, SourceRelation, SourceType
from dbtune.text import plain, plural

OWNER = "dbtune_lab_owner"
_EXTENSIONS = frozenset(
    "citext hstore ltree pg_trgm btree_gin btree_gist cube earthdistance intarray isn seg unaccent "
    "fuzzystrmatch tablefunc vector bloom dict_int tsm_system_rows tsm_system_time".split()
)
"""Extensions that statements and indexes are made of, as far as the embedded server has them."""
_ARRAY = ("", "[]")
_SHOWN = 5


class Connections(NamedTuple):
    """Two connections to a lab."""

    admin: psycopg.Connection[dict[str, Any]]
    owner: psycopg.Connection[dict[str, Any]]


def connect(server: EmbeddedPostgres) -> Connections:
    """The superuser's connection, and that of the role that owns the lab's objects."""
    with ExitStack() as stack:
        admin = _connect(server)
        stack.callback(admin.close)
        password = server.password().reveal()
        role = sql.Identifier(OWNER)
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, password))
        admin.execute(sql.SQL("GRANT CREATE ON DATABASE postgres TO {}").format(role))
        owner = _connect(server, user=OWNER)
        stack.callback(owner.close)
        owner.execute("SET check_function_bodies = off")
        owner.execute("SET search_path = pg_catalog")
        owner.execute("SET statement_timeout = '10s'")
        stack.pop_all()
        return Connections(admin, owner)


def _connect(server: EmbeddedPostgres, **who: str) -> psycopg.Connection[dict[str, Any]]:
    return server.connect(
        **who, prepare_threshold=None, client_encoding="utf8", row_factory=dict_row
    )


def build_schema(
    connections: Connections, source: Source, advance: Callable[[float], None]
) -> list[str]:
    """Make schemas, types, functions, tables, views, indexes and constraints.

    Args:
        connections: to a lab that is empty.
        source: what the target has.
        advance: told the share that is done.

    Returns:
        Notes: what was left out.
    """
    return _Builder(connections, source, advance).build()


class _Item(NamedTuple):
    """An object to be made; ``statement`` gets the types that do not exist."""

    what: str
    shown: str
    statement: Callable[[Collection[str]], str]


class _Builder:
    def __init__(
        self, connections: Connections, source: Source, advance: Callable[[float], None]
    ) -> None:
        self._admin, self._owner = connections
        self._source = source
        self._advance = advance
        self._notes: list[str] = []
        self._left_out: dict[str, list[str]] = {}
        self._collations: dict[int, str] = {}
        self._steps = 1 + sum(
            map(len, (source.relations, source.indexes, source.constraints, source.functions))
        )
        self._done = 0

    def build(self) -> list[str]:
        self._make_schemas()
        self._make_extensions()
        self._make_collations()
        self._make_objects()
        self._attach()
        self._make_indexes()
        # A partitioned table's index is valid when all its parts are attached: spare that.
        self._admin.execute("UPDATE pg_catalog.pg_index SET indisvalid = true WHERE NOT indisvalid")
        for one in self._source.constraints:
            relation = self._source.relations[one.relation]
            what = "constraints"
            self._try(what, f"{relation.shown}.{one.name}", ddl.add_constraint(one, relation))
        for what, names in self._left_out.items():
            self._notes.append(f"not in the planner lab: {what} {some(names)}")
        return self._notes

    def _run(self, statement: str) -> str:
        """Run a statement of the target's as the owner; returns why it failed, or ""."""
        try:
            # A result in binary makes it a single statement.
            self._owner.execute(statement.encode(), binary=True)
        except psycopg.Error as error:
            if self._owner.closed:
                raise TargetError(f"the planner lab's server failed: {plain(str(error))}") from None
            return plain(error.diag.message_primary or str(error))
        return ""

    def _try(self, what: str, shown: str, statement: str) -> None:
        if self._run(statement):
            self._left_out.setdefault(what, []).append(shown)
        self._step()

    def _step(self) -> None:
        self._done += 1
        self._advance(min(1.0, self._done / self._steps))

    # ---------------------------------------------------------------------------- as the superuser

    def _superuser(self, statement: LiteralString, *names: str) -> str:
        quoted = [sql.Identifier(name) for name in names]
        try:
            self._admin.execute(sql.SQL(statement).format(*quoted))
        except psycopg.Error as error:
            if self._admin.closed:
                raise TargetError(f"the planner lab's server failed: {plain(str(error))}") from None
            return plain(error.diag.message_primary or str(error))
        return ""

    def _make_schemas(self) -> None:
        source = self._source
        names = {one.schema for one in source.relations.values()}
        names |= {one.schema for one in source.types.values()}
        names |= {one.schema for one in source.functions}
        names |= {one.schema for one in source.collations.values()}
        names |= {*source.database.extensions.values(), *source.database.search_path}
        for name in sorted(names - {"pg_catalog", "information_schema"}):
            self._superuser("CREATE SCHEMA IF NOT EXISTS {}", name)
            self._superuser("ALTER SCHEMA {} OWNER TO {}", name, OWNER)

    def _make_extensions(self) -> None:
        wanted = self._source.database.extensions
        for name in sorted(_EXTENSIONS & wanted.keys()):
            if self._superuser("CREATE EXTENSION {} SCHEMA {} CASCADE", name, wanted[name]):
                self._superuser("CREATE EXTENSION IF NOT EXISTS {} CASCADE", name)
        if any(one.kind == "f" for one in self._source.relations.values()):
            self._superuser("CREATE EXTENSION postgres_fdw SCHEMA pg_catalog")
            # What fetching a row is taken to cost was 0.01 before PostgreSQL 17.
            cheap = self._source.database.version < 170000
            options: LiteralString = " OPTIONS (fdw_tuple_cost '0.01')" if cheap else ""
            statement: LiteralString = "CREATE SERVER {} FOREIGN DATA WRAPPER postgres_fdw"
            self._superuser(statement + options, ddl.FOREIGN_SERVER)
            self._superuser("GRANT USAGE ON FOREIGN SERVER {} TO {}", ddl.FOREIGN_SERVER, OWNER)
            self._notes.append("foreign tables cost what postgres_fdw makes of their statistics")

    def _make_collations(self) -> None:
        inexact = []
        for one in self._source.collations.values():
            name = ddl.named(one.schema, one.name)
            self._collations[one.oid] = name
            found = self._admin.execute("SELECT to_regcollation(%s) IS NOT NULL AS there", (name,))
            if found.fetchall()[0]["there"]:
                continue
            chosen = collation_of(one.provider, one.locale)
            statement = sql.SQL("CREATE COLLATION {} (PROVIDER = {}, LOCALE = {})").format(
                sql.Identifier(one.schema, one.name), sql.SQL(chosen.provider), chosen.name
            )
            self._admin.execute(statement)
            if not chosen.exact:
                inexact.append(name)
        if inexact:
            self._notes.append(
                f"collations that the planner lab lacks sort there by code points: {some(inexact)}"
            )

    # -------------------------------------------------------------------------------- as the owner

    def _make_objects(self) -> None:
        """Make types, functions, tables and views, in whatever order they need each other."""
        there = {
            (row["schema"], row["name"])
            for row in self._admin.execute(
                "SELECT n.nspname::text AS schema, t.typname::text AS name FROM pg_type t "
                "JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype <> 'p'"
            )
        }
        types = [one for one in self._source.types.values() if (one.schema, one.name) not in there]
        relations = [one for one in self._source.relations.values() if one.kind != "v"]
        views = [one for one in self._source.relations.values() if one.kind == "v"]
        extensions = {
            row["extname"] for row in self._admin.execute("SELECT extname::text FROM pg_extension")
        }
        functions = [one for one in self._source.functions if one.extension not in extensions]
        pending = [
            *map(self._type, types),
            *map(self._function, functions),
            *map(self._table, relations),
            *map(self._view, views),
        ]
        unknown: frozenset[str] = frozenset()
        while pending:
            failed = [one for one in pending if not self._make(one, unknown)]
            if len(failed) == len(pending):
                missing = self._missing_types([*types, *relations])
                # What is still to be made may yet come, when columns of the others are left out.
                hopeless = missing - {f"{one.shown}{array}" for one in failed for array in _ARRAY}
                if missing <= unknown:
                    break
                unknown = missing if hopeless <= unknown else hopeless
            pending = failed
        for one in pending:
            self._left_out.setdefault(one.what, []).append(one.shown)
        self._tell_columns(relations, unknown)

    def _make(self, item: _Item, unknown: frozenset[str]) -> bool:
        statement = item.statement(unknown)
        if statement and self._run(statement):
            return False
        self._step()
        return True

    def _type(self, one: SourceType) -> _Item:
        return _Item(
            "types",
            f"{one.schema}.{one.name}",
            lambda unknown: ddl.create_type(one, self._collations, unknown),
        )

    def _function(self, one: SourceFunction) -> _Item:
        return _Item(
            "functions", f"{one.schema}.{one.name}", lambda _unknown: ddl.create_function(one)
        )

    def _table(self, one: SourceRelation) -> _Item:
        return _Item(
            "tables", one.shown, lambda unknown: ddl.create_table(one, self._collations, unknown)
        )

    def _view(self, one: SourceRelation) -> _Item:
        return _Item("views", one.shown, lambda _unknown: ddl.create_view(one))

    def _missing_types(self, ones: Iterable[SourceType | SourceRelation]) -> frozenset[str]:
        texts = {column.type for one in ones for column in one.columns}
        found = self._owner.execute(ddl.missing_types(texts).encode())
        return frozenset(row["type"] for row in found)

    def _tell_columns(self, relations: Sequence[SourceRelation], unknown: Collection[str]) -> None:
        columns = [
            f"{one.shown}.{column.name} ({column.type})"
            for one in relations
            for column in one.columns
            if column.type in unknown
        ]
        if columns:
            self._left_out["columns of types that it lacks:"] = columns

    def _attach(self) -> None:
        relations = self._source.relations
        for child in relations.values():
            for parent in child.parents:
                if parent in relations:
                    statement = ddl.attach(child, relations[parent])
                    self._try("inheritance of", child.shown, statement)

    def _make_indexes(self) -> None:
        for index in self._source.indexes:
            relation = self._source.relations[index.relation]
            shown = f"{index.schema}.{index.name}"
            self._try("indexes", shown, ddl.create_index(index, relation))
        # Foreign keys to a partitioned table need its index to know those of its parts.
        targets = {one.target for one in self._source.constraints}
        by_number = {index.oid: index for index in self._source.indexes}
        for index in self._source.indexes:
            parent = by_number.get(index.parent or 0)
            if parent and self._root(parent.relation) & targets:
                self._run(ddl.attach_index(index, parent))

    def _root(self, oid: int) -> set[int]:
        """A table and all that it is a part of."""
        found: set[int] = set()
        pending = [oid]
        while pending:
            found |= {(one := pending.pop())}
            if one in self._source.relations:
                pending += self._source.relations[one].parents
        return found


def some(names: Sequence[str]) -> str:
    """The first names, and how many others."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {plural(more, 'other')}" if more > 0 else "")
