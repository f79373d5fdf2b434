"""What the lab is made of: schema, statistics and settings of a database, as its catalog has them.

Names stand as they are in the catalog; ``*_text``, definitions and types are SQL with qualified
names. Sizes are blocks. Numbers (``oid``) are the target's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SourceDatabase:
    """The database and the server's settings.

    Attributes:
        version: server_version_num.
        collate: name of the default collation, as its provider knows it.
        provider: ``c`` libc, ``i`` ICU, ``b`` built in.
        time_zone: of the session.
        search_path: schemas in which names are looked up, as the session's role does.
        user: that role.
        extensions: schema by name.
        settings: of the planner: value with its unit, as SET takes it.
        changed: those that are not at their built-in values.
    """

    version: int
    collate: str
    provider: str
    time_zone: str
    search_path: tuple[str, ...]
    user: str
    extensions: Mapping[str, str]
    settings: Mapping[str, str]
    changed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column. ``virtual`` is the expression of a virtual generated one, ``collation`` 0 if it is
    the type's own."""

    name: str
    type_oid: int
    type: str
    not_null: bool
    virtual: str
    collation: int


@dataclass(frozen=True, slots=True)
class SourceRelation:
    """A table, partitioned table, materialised view, view or foreign table.

    Attributes:
        pages: relpages, for which ``rows`` and ``all_visible`` were counted.
        size_pages: the main file as it is now; ``None`` if it could not be read.
        parents: what it inherits from or is a partition of.
        definition, options: of a view.
    """

    oid: int
    schema: str
    name: str
    kind: str
    pages: int
    rows: float
    all_visible: int
    is_partition: bool
    row_security: bool
    partition_key: str
    partition_bound: str
    parents: tuple[int, ...]
    columns: tuple[SourceColumn, ...] = ()
    size_pages: int | None = None
    definition: str = ""
    options: tuple[str, ...] = ()
    reads: tuple[int, ...] = ()

    @property
    def shown(self) -> str:
        """The name for people."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class SourceIndex:
    """An index; with a constraint's definition if it is one's."""

    oid: int
    relation: int
    schema: str
    name: str
    kind: str
    method: str
    pages: int
    rows: float
    definition: str
    constraint_definition: str
    parent: int | None
    collations: tuple[int, ...]
    size_pages: int | None = None


@dataclass(frozen=True, slots=True)
class SourceConstraint:
    """A check (``c``) or foreign key (``f``), the latter with its target."""

    relation: int
    name: str
    kind: str
    target: int
    definition: str


@dataclass(frozen=True, slots=True)
class SourceType:
    """A type that a user defined: enum ``e``, domain ``d``, composite ``c``, range ``r`` ..."""

    oid: int
    schema: str
    name: str
    kind: str
    element: int
    relation: int
    base: int
    not_null: bool
    base_text: str
    collation: int
    labels: tuple[str, ...]
    subtype: int | None
    subtype_text: str | None
    columns: tuple[SourceColumn, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceFunction:
    """A function ``f`` or aggregate ``a``; ``extension`` is what it came with, if any."""

    oid: int
    schema: str
    name: str
    kind: str
    language: str
    arguments: str
    identity_arguments: str
    result: str
    source: str
    body: str
    volatility: str
    parallel: str
    strict: bool
    security_definer: bool
    has_settings: bool
    cost: float
    rows: float
    transition: str
    state: str
    initial: str | None
    final: str
    types: tuple[int, ...]
    extension: str | None


@dataclass(frozen=True, slots=True)
class SourceStatistics:
    """Statistics of one column: the row of pg_stats, values as text, without what is NULL."""

    relation: int
    name: str
    number: int
    inherited: bool
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SourceExtended:
    """A statistics object on several columns: ``numbers`` are theirs on the target.

    What ANALYZE found is ``None`` where it found nothing or this role may not see it.
    """

    relation: int
    schema: str
    name: str
    columns: tuple[str, ...]
    numbers: tuple[int, ...]
    inherited: bool
    n_distinct: str | None
    dependencies: str | None
    has_common_values: bool


@dataclass(frozen=True, slots=True)
class SourceCollation:
    """A collation."""

    oid: int
    schema: str
    name: str
    provider: str
    locale: str
    deterministic: bool


@dataclass(frozen=True, slots=True)
class Source:
    """All of it.

    Attributes:
        relations: by number.
        left_out: tables beyond the limit.
        notes: what could not be read.
    """

    database: SourceDatabase
    relations: Mapping[int, SourceRelation]
    indexes: tuple[SourceIndex, ...] = ()
    constraints: tuple[SourceConstraint, ...] = ()
    types: Mapping[int, SourceType] = field(default_factory=dict)
    functions: tuple[SourceFunction, ...] = ()
    collations: Mapping[int, SourceCollation] = field(default_factory=dict)
    statistics: tuple[SourceStatistics, ...] = ()
    extended: tuple[SourceExtended, ...] = ()
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
