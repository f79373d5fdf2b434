"""Plans statements in a lab under indexes that exist on paper only."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import psycopg

from dbtune.errors import TargetError
from dbtune.postgres.embedded.server import EmbeddedPostgres
from dbtune.postgres.indexes.definition import Definition
from dbtune.postgres.indexes.estimating import Estimator, references
from dbtune.postgres.indexes.planner import NotPlannable, Planned
from dbtune.postgres.lab.build import Connections
from dbtune.postgres.lab.hypothetical import Made, Maker
from dbtune.postgres.lab.skip_scan import SkipScans
from dbtune.postgres.lab.storage import BLOCK_BYTES
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.session import Transaction
from dbtune.text import plain

_MAJOR = 18
_ON_CONFLICT = re.compile(r"(?i)\bon\s+conflict\b")
_SWITCHED_OFF = 24
"""Hypothetical indexes of one table that the planner sees, switched off: it opens each of them."""
_KEPT = 1000
"""Hypothetical indexes in all; each is a file."""


class Existing(NamedTuple):
    """Indexes of the target that the lab has.

    Attributes:
        by_name: their numbers on the target by schema and name.
        ours: numbers in the lab by that on the target: of a partitioned index those of its parts.
    """

    by_name: Mapping[tuple[str, str], int]
    ours: Mapping[int, Sequence[int]]


class LabPlanner:
    """A :class:`~dbtune.postgres.indexes.planner.Planner`; made by :func:`~.open.open_lab`.

    At the end it stops the lab's server and removes its files.
    """

    name = "lab"

    def __init__(
        self,
        server: EmbeddedPostgres,
        connections: Connections,
        maker: Maker,
        existing: Existing,
        *,
        skip_scans: SkipScans | None,
        search_path: Sequence[str],
        user: str,
        notes: Sequence[str],
    ) -> None:
        """
        Args:
            server: runs.
            connections: to it; the owner's plans statements.
            maker: makes hypothetical indexes there.
            existing: what is there already.
            skip_scans: what takes them out if the target has none.
            search_path: the schemas of the target's session, in order.
            user: whom ``$user`` in a search path means.
            notes: what the report should tell.
        """
        self.calls = 0
        self.can_hide = True
        self.notes = tuple(notes)
        self._server = server
        self.admin, self.owner = connections
        self._asker = Transaction(self.owner.cursor(), None)
        self._estimator = Estimator(_MAJOR)
        self._maker = maker
        self.existing = existing
        self._skip_scans = skip_scans
        self._own_path = ", ".join(map(quote, search_path)) or '""'
        self._user = user
        self._path = ""
        self._made: OrderedDict[Definition, Made] = OrderedDict()
        self._refused: dict[Definition, str] = {}
        self._by_name: dict[str, Definition] = {}
        self._on: frozenset[Definition] = frozenset()
        self._parked: frozenset[Definition] = frozenset()
        self._hidden: frozenset[int] = frozenset()

    @property
    def folder(self) -> Path:
        """Holds everything of the server, sample values of the target's columns among it."""
        return self._server.folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.owner.close()
        self.admin.close()
        self._server.stop()

    def route(self, _statement: str, _indexes: Collection[Definition], /) -> bool:
        """See :meth:`dbtune.postgres.indexes.planner.Planner.route`."""
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
        self.calls += 1
        wanted = frozenset(indexes)
        for index in sorted(wanted - self._made.keys(), key=Definition.ddl):
            if reason := self.refuses(index):
                raise NotPlannable(reason)
        try:
            self._switch(wanted, frozenset(without))
            self._look_in(search_path)
            if self._skip_scans:
                self._skip_scans.show_unique(_ON_CONFLICT.search(statement) is not None)
            estimated = self._estimator.estimate(self._asker, statement)
        except psycopg.Error as error:
            raise self._told(error) from None
        finally:
            self._tidy()
        used, existing = set(), set()
        for one in references(estimated.documents):
            if one.name in self._by_name:
                used.add(self._by_name[one.name])
                one.node["Index Name"] = self._by_name[one.name].name
            elif oid := self.existing.by_name.get((one.schema, one.name)):
                existing.add(oid)
        return Planned(estimated.cost, frozenset(used), frozenset(existing), estimated.largest)

    def parameter_types(self, statement: str, *, search_path: str = "") -> list[str]:
        """See :meth:`dbtune.postgres.indexes.planner.Planner.parameter_types`."""
        try:
            self._look_in(search_path)
            return self._estimator.parameter_types(self._asker, statement)
        except psycopg.Error as error:
            raise self._told(error) from None
        finally:
            self._tidy()

    def refuses(self, index: Definition) -> str:
        """See :meth:`dbtune.postgres.indexes.planner.Planner.refuses`."""
        if index not in self._made and index not in self._refused:
            try:
                self._look_in("")
                made = self._maker.make(index)
            except NotPlannable as refused:
                self._refused[index] = str(refused)
            except psycopg.Error as error:
                raise self._told(error) from None
            else:
                self._made[index] = made
                self._by_name |= {name.rpartition('."')[2][:-1]: index for name in made.names}
                self._on |= {index}  # an index is valid when it is made
        return self._refused.get(index, "")

    def size_bytes(self, index: Definition) -> int:
        """As HypoPG estimates it, so that costs agree; it knows no deduplication.

        Raises:
            NotPlannable: the index is refused.
        """
        if reason := self.refuses(index):
            raise NotPlannable(reason)
        return self._maker.pages(index) * BLOCK_BYTES

    # ------------------------------------------------------------------------------------ switching

    def _switch(self, wanted: frozenset[Definition], without: frozenset[int]) -> None:
        """Have the planner see exactly the wanted indexes, and the existing ones but for some."""
        self._set_live(wanted & self._parked, live=True)
        on = [oid for index in wanted - self._on for oid in self._made[index].oids]
        off = [oid for index in self._on - wanted for oid in self._made[index].oids]
        on += [oid for one in self._hidden - without for oid in self.existing.ours.get(one, ())]
        off += [oid for one in without - self._hidden for oid in self.existing.ours.get(one, ())]
        if on or off:
            self.admin.execute(
                "UPDATE pg_catalog.pg_index SET indisvalid = indexrelid = ANY(%s::oid[]) "
                "WHERE indexrelid = ANY(%s::oid[])",
                (on, [*on, *off]),
            )
        self._on, self._hidden = wanted, without
        for index in wanted:
            self._made.move_to_end(index)
        self._put_away()

    def _put_away(self) -> None:
        """Take what was not asked for longest off its table, or drop it when there is too much."""
        off: dict[tuple[str, str], list[Definition]] = {}
        for index in self._made:
            if index not in self._on and index not in self._parked:
                off.setdefault((index.schema, index.table), []).append(index)
        for ones in off.values():
            if len(ones) > _SWITCHED_OFF:
                self._set_live(frozenset(ones[: len(ones) - _SWITCHED_OFF // 2]), live=False)
        for index in [*self._made][: max(0, len(self._made) - _KEPT)]:
            if index not in self._on:
                self._maker.drop(self._made.pop(index))
                self._parked -= {index}

    def _set_live(self, ones: frozenset[Definition], *, live: bool) -> None:
        """Put indexes on their tables' lists or take them off: then the planner never opens them.

        It rereads a table's list when the table's entry changes.
        """
        if ones:
            oids = [oid for index in ones for oid in self._made[index].oids]
            self.admin.execute(
                "UPDATE pg_catalog.pg_index SET indislive = %s WHERE indexrelid = ANY(%s::oid[])",
                (live, oids),
            )
            self.admin.execute(
                "UPDATE pg_catalog.pg_class SET relhasindex = true WHERE oid IN "
                "(SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid = ANY(%s::oid[]))",
                (oids,),
            )
        self._parked = self._parked - ones if live else self._parked | ones

    def _look_in(self, search_path: str) -> None:
        """Set where names are looked up."""
        user = quote(self._user)
        path = search_path.replace('"$user"', user).replace("$user", user) or self._own_path
        if path != self._path:
            self._asker.rows("SELECT pg_catalog.set_config('search_path', %s, false)", (path,))
            self._path = path

    def _tidy(self) -> None:
        """Drop what a statement with parameters has left."""
        if self._asker.afterwards and not self.owner.closed:
            self.owner.execute("; ".join(self._asker.afterwards).encode())
        self._asker.afterwards.clear()

    def _told(self, error: psycopg.Error) -> Exception:
        message = plain((error.diag.message_primary or str(error)).strip())
        if self.owner.closed or self.admin.closed:
            return TargetError(f"the planner lab's server failed: {message}")
        return NotPlannable(message)
