"""The planner that asks the target itself, where the extension HypoPG is installed.

Hypothetical indexes exist in one backend's memory only: nothing is written, nobody else sees them,
and the session stays read-only. Between two plans only the difference is created and dropped.
Behind a pooler each transaction may get another backend; there all are made and dropped with each
plan, within its transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Self

import psycopg
from psycopg import sql

from dbtune.errors import Unavailable
from dbtune.postgres.indexes.definition import Definition
from dbtune.postgres.indexes.estimating import Estimator, references
from dbtune.postgres.indexes.planner import NotPlannable, Planned
from dbtune.postgres.session import Session, Transaction

_HIDES_SINCE = (1, 4)
_METHODS = ("btree", "brin", "hash")
"""Those that HypoPG knows what an index of costs."""
_HALF_SEEN = (
    "HypoPG sees indexes on expressions only of the table that a statement names first, and is not "
    "asked about partial indexes, which may crash the server: the planner lab knows both "
    "(--planner lab)"
)


def may_ask(index: Definition) -> bool:
    """Whether HypoPG may be asked about an index at all: not about a partial one.

    Where the table is not a statement's first, estimating the predicate's rows looks for the table
    beyond the end of an array (``get_actual_variable_range`` with the planner's state that
    ``hypo_estimate_index`` makes). Since PostgreSQL 16 what is found there is read from, which may
    end the backend, and with it every session of the server
    (https://github.com/HypoPG/hypopg/issues/116).
    """
    return index.method in _METHODS and not index.predicate


def is_judged(index: Definition) -> bool:
    """Whether HypoPG knows what an index would do for any statement.

    It compares expressions with conditions as if the index's table were the first of the statement
    (``hypo_injectHypotheticalIndex`` in all versions up to 1.4.3), so that it does not find them
    elsewhere.
    """
    return may_ask(index) and all(key.column for key in index.keys)


def open_hypopg(session: Session) -> HypopgPlanner:
    """The planner on a session's target.

    Raises:
        Unavailable: HypoPG is not installed in this database, or this role may not use it.
        TargetError: the connection broke.
    """
    found = session.rows(
        "SELECT e.extversion::text AS version, n.nspname::text AS schema, "
        "pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS usable, "
        "pg_catalog.pg_backend_pid() AS pid "
        "FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace "
        "WHERE e.extname = 'hypopg'"
    )
    if not found:
        raise Unavailable(
            f"HypoPG is not installed in database {session.database}", "CREATE EXTENSION hypopg;"
        )
    row = found[0]
    schema = sql.Identifier(row["schema"])
    if not row["usable"]:
        role = sql.Identifier(session.user)
        raise Unavailable(
            f"role {session.user} may not use the schema of HypoPG",
            sql.SQL("GRANT USAGE ON SCHEMA {} TO {};").format(schema, role).as_string(),
        )
    # Its library may be missing, or its functions' privileges revoked.
    session.rows(sql.SQL("SELECT {}.hypopg_reset()").format(schema))
    version = tuple(int(part) for part in row["version"].split(".")[:2])
    return HypopgPlanner(
        session, schema, can_hide=version >= _HIDES_SINCE, pooled=row["pid"] != session.login_pid
    )


class _Refused(Exception):
    """One of some indexes can't be made."""

    def __init__(self, indexes: Sequence[Definition], error: psycopg.Error) -> None:
        super().__init__(str(error))
        self.indexes = indexes
        self.error = error


class HypopgPlanner:
    """A :class:`~dbtune.postgres.indexes.planner.Planner`; made by :func:`open_hypopg`."""

    name = "hypopg"

    def __init__(
        self, session: Session, schema: sql.Identifier, *, can_hide: bool, pooled: bool
    ) -> None:
        """
        Args:
            session: stays the caller's.
            schema: where HypoPG is.
            can_hide: whether this version hides existing indexes.
            pooled: whether each transaction may get another backend.
        """
        self.calls = 0
        self.can_hide = can_hide
        self._half_seen = False
        self._session = session
        self._estimator = Estimator(session.major)
        self._schema = schema
        self._pooled = pooled
        self._clean = False
        self._made: dict[Definition, tuple[int, str]] = {}
        self._hidden: frozenset[int] = frozenset()
        self._oids: dict[tuple[str, str], int | None] = {}
        self._sizes: dict[Definition, int | str] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """See :attr:`dbtune.postgres.indexes.planner.Planner.notes`."""
        return (_HALF_SEEN,) if self._half_seen else ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Drop all hypothetical indexes; the session stays open."""
        if not self._session.is_broken:
            self._session.rows(self._call("hypopg_reset"))
            if self._hidden:
                self._session.rows(self._call("hypopg_unhide_all_indexes"))
        self._forget()

    def route(self, _statement: str, indexes: Collection[Definition], /) -> bool:
        """See :meth:`dbtune.postgres.indexes.planner.Planner.route`."""
        self._half_seen |= any(may_ask(one) and not is_judged(one) for one in indexes)
        return False

    def plan(
        self,
        statement: str,
        indexes: Collection[Definition] = (),
        *,
        without: Collection[int] = (),
        search_path: str = "",
    ) -> Planned:
        """See :meth:`dbtune.postgres.indexes.planner.Planner.plan`."""
        if without and not self.can_hide:
            raise NotPlannable("this version of HypoPG cannot leave out existing indexes")
        for index in indexes:
            self._refuse_partial(index)
        self.calls += 1
        try:
            with self._session.transaction(own_search_path=True, commit=True) as transaction:
                if search_path:
                    transaction.rows(
                        "SELECT pg_catalog.set_config('search_path', %s, true)", (search_path,)
                    )
                self._arrange(transaction, list(dict.fromkeys(indexes)), frozenset(without))
                estimated = self._estimator.estimate(transaction, statement)
                by_name = {name: index for index, (_, name) in self._made.items()}
                used, existing = set(), set()
                found = list(references(estimated.documents))
                names = {(one.schema, one.name) for one in found if one.name not in by_name}
                self._look_up(transaction, names)
                for one in found:
                    if one.name in by_name:
                        used.add(by_name[one.name])
                        one.node["Index Name"] = by_name[one.name].name
                    elif oid := self._oids.get((one.schema, one.name)):
                        existing.add(oid)
        except psycopg.Error as error:
            raise self._told(error) from None
        except _Refused as refused:
            culprit = next((one for one in refused.indexes if self.refuses(one)), None)
            about = f"index {culprit.name}: " if culprit else ""
            raise self._told(refused.error, about) from None
        finally:
            if self._pooled:
                self._forget()
        return Planned(estimated.cost, frozenset(used), frozenset(existing), estimated.largest)

    def parameter_types(self, statement: str, *, search_path: str = "") -> list[str]:
        """See :meth:`dbtune.postgres.indexes.planner.Planner.parameter_types`."""
        try:
            with self._session.transaction(own_search_path=True, commit=True) as transaction:
                if search_path:
                    transaction.rows(
                        "SELECT pg_catalog.set_config('search_path', %s, true)", (search_path,)
                    )
                return self._estimator.parameter_types(transaction, statement)
        except psycopg.Error as error:
            raise self._told(error) from None

    def refuses(self, index: Definition) -> str:
        """See :meth:`dbtune.postgres.indexes.planner.Planner.refuses`."""
        size = self._size(index)
        return size if isinstance(size, str) else ""

    def size_bytes(self, index: Definition) -> int:
        """HypoPG's estimate, which knows no deduplication; of a partitioned table the sum.

        Raises:
            NotPlannable: the index is refused.
        """
        size = self._size(index)
        if isinstance(size, str):
            raise NotPlannable(size)
        return size

    # ------------------------------------------------------------------------- hypothetical indexes

    def _arrange(
        self, transaction: Transaction, wanted: Sequence[Definition], without: frozenset[int]
    ) -> None:
        """Have exactly the wanted indexes, and hide others."""
        if self._pooled:
            transaction.afterwards.append(self._call("hypopg_reset").as_string())
            if self.can_hide:
                transaction.afterwards.append(self._call("hypopg_unhide_all_indexes").as_string())
        if not self._clean:
            transaction.rows(self._call("hypopg_reset"))
            if self.can_hide:
                transaction.rows(self._call("hypopg_unhide_all_indexes"))
            self._forget()
        self._clean = False  # unless all of this succeeds
        kept = frozenset(wanted)
        gone = [index for index in self._made if index not in kept]
        if gone:
            oids = [self._made.pop(index)[0] for index in gone]
            self._each(transaction, "hypopg_drop_index", oids)
        if shown := self._hidden - without:
            self._each(transaction, "hypopg_unhide_index", sorted(shown))
        if hidden := without - self._hidden:
            self._each(transaction, "hypopg_hide_index", sorted(hidden))
        self._hidden = without
        self._create(transaction, [index for index in wanted if index not in self._made])
        self._clean = True

    def _create(self, transaction: Transaction, indexes: Sequence[Definition]) -> None:
        """Make indexes, in one round trip: a search for advice makes thousands."""
        query = sql.SQL(
            "SELECT made.indexrelid AS oid, made.indexname::text AS name, "
            "CASE WHEN c.relkind <> 'p' THEN {schema}.hypopg_relation_size(made.indexrelid) "
            "END AS bytes "
            "FROM ROWS FROM (pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::text[])) "
            "WITH ORDINALITY AS wanted(ddl, relation, place) "
            "LEFT JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(wanted.relation), "
            "LATERAL {schema}.hypopg_create_index(wanted.ddl) AS made ORDER BY wanted.place"
        ).format(schema=self._schema)
        if not indexes:
            return
        try:
            wanted = [one.ddl(concurrently=False) for one in indexes]
            relations = [sql.Identifier(one.schema, one.table).as_string() for one in indexes]
            rows = transaction.rows(query, (wanted, relations))
        except psycopg.Error as error:
            raise _Refused(indexes, error) from None
        for index, row in zip(indexes, rows, strict=True):
            self._made[index] = row["oid"], row["name"]
            if row["bytes"] is not None:
                self._sizes.setdefault(index, int(row["bytes"]))

    def _size(self, index: Definition) -> int | str:
        """The index's size in bytes, or why it can't be made."""
        if index not in self._sizes:
            try:
                self._sizes[index] = self._measured(index)
            except NotPlannable as refused:
                self._sizes[index] = str(refused)
            finally:
                if self._pooled:
                    self._forget()
        return self._sizes[index]

    def _refuse_partial(self, index: Definition) -> None:
        if index.predicate:
            self._half_seen = True
            raise NotPlannable(f"index {index.name}: {_HALF_SEEN}")

    def _measured(self, index: Definition) -> int:
        self._refuse_partial(index)
        try:
            with self._session.transaction(own_search_path=True, commit=True) as transaction:
                self._arrange(transaction, [index], frozenset())
                leaves = transaction.rows(
                    "SELECT n.nspname::text AS schema, c.relname::text AS name "
                    "FROM pg_catalog.pg_class p "
                    "JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace, "
                    "pg_catalog.pg_partition_tree(p.oid) t "
                    "JOIN pg_catalog.pg_class c ON c.oid = t.relid "
                    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                    "WHERE pn.nspname = %s AND p.relname = %s AND p.relkind = 'p' AND t.isleaf "
                    "AND c.relkind = 'r'",
                    (index.schema, index.table),
                )
                parts = [
                    index._replace(schema=row["schema"], table=row["name"]) for row in leaves
                ] or [index]
                self._arrange(transaction, parts, frozenset())
                sizes = sql.SQL(
                    "SELECT pg_catalog.sum({}.hypopg_relation_size(o.id))::bigint AS bytes "
                    "FROM pg_catalog.unnest(%s::oid[]) AS o(id)"
                ).format(self._schema)
                oids = [self._made[part][0] for part in parts]
                return int(transaction.rows(sizes, (oids,))[0]["bytes"])
        except psycopg.Error as error:
            raise self._told(error) from None
        except _Refused as refused:
            raise self._told(refused.error) from None

    def _each(self, transaction: Transaction, function: str, oids: list[int]) -> None:
        query = sql.SQL("SELECT {}.{}(o.id) FROM pg_catalog.unnest(%s::oid[]) AS o(id)")
        transaction.rows(query.format(self._schema, sql.Identifier(function)), (oids,))

    def _call(self, function: str) -> sql.Composed:
        return sql.SQL("SELECT {}.{}()").format(self._schema, sql.Identifier(function))

    def _forget(self) -> None:
        """Nothing is known of what is there: begin anew with the next plan."""
        self._made.clear()
        self._hidden = frozenset()
        self._clean = False

    # ---------------------------------------------------------------------------- existing indexes

    def _look_up(self, transaction: Transaction, names: set[tuple[str, str]]) -> None:
        """Learn the numbers of existing indexes by schema and name."""
        unknown = sorted(names - self._oids.keys())
        if not unknown:
            return
        self._oids |= dict.fromkeys(unknown)
        for row in transaction.rows(
            "SELECT n.nspname::text AS schema, c.relname::text AS name, c.oid "
            "FROM ROWS FROM (pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::text[])) "
            "AS wanted(schema, name) "
            "JOIN pg_catalog.pg_namespace n ON n.nspname = wanted.schema "
            "JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name",
            ([schema for schema, _ in unknown], [name for _, name in unknown]),
        ):
            self._oids[row["schema"], row["name"]] = row["oid"]

    def _told(self, error: psycopg.Error, about: str = "") -> Exception:
        translated = self._session.translated(error)
        if isinstance(translated, Unavailable):
            return NotPlannable(about + translated.reason)
        return translated
