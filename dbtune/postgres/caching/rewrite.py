"""A statement that aggregates as a materialised view, and the query that reads the same from it.

pg_stat_statements keeps ``$1`` where a constant or a parameter stood. A view has no parameters, so
each must go to the reading query without changing the answer:

* ``column = $1``, joined by AND at the top of WHERE: the column becomes one more group, and the
  reading query asks for its value;
* LIMIT and OFFSET: the view holds all rows, the reading query takes some of them.

Anywhere else the constant decides what is computed, and the statement is refused with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from dbtune.postgres.caching.parts import (
    CHANGING,
    PLACES,
    by_zone,
    changing,
    equality,
    function_name,
    quoted,
    terms,
    told_name,
    when_empty,
)
from dbtune.postgres.normalised import normalised
from dbtune.postgres.sqltext import fingerprint, names

if TYPE_CHECKING:
    from sqlglot import exp

_NAME_BYTES = 63
_FIELD = re.compile(r"\bextract\s*\(\s*\$\d+\s+from\b", re.IGNORECASE)
_GIVE = "give the statement as the application writes it (--file FILE)"


class Refused(Exception):
    """The statement can't be a materialised view; its sentence says why."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A materialised view and its use.

    Attributes:
        name: of the view, without schema.
        query: that it is made of.
        columns: its columns, in order.
        key: columns that tell its rows apart, for the unique index.
        read: the columns and what follows FROM of the query that reads the statement's answer; use
            :meth:`reading`.
        lifted: columns of tables that parameters were compared with.
        plain: the statement as the rewriter understood it; it must plan as the original does.
        by_zone: its days and hours may be those of the TimeZone that it is refreshed with.
    """

    name: str
    query: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    read: tuple[str, str]
    lifted: tuple[str, ...]
    plain: str
    by_zone: bool

    def reading(self, view: str) -> str:
        """The query that gives the statement's answer from the view of that (quoted) name."""
        return self.read[0] + self.read[1].replace("\0", view)


def rewrite(
    text: str, schemas: Mapping[str, str], columns: Collection[str] = frozenset()
) -> Rewritten:
    """A statement as a view.

    Args:
        text: as pg_stat_statements has it, or with constants.
        schemas: where names of tables and views are found that stand without a schema.
        columns: names of all columns of its tables: GROUP BY means these before its outputs.

    Raises:
        Refused: it can't be done without changing the answer.
    """
    return _Rewriting(text, schemas, columns).done()


class _Clauses(NamedTuple):
    """What the reading query has beyond its columns."""

    filters: list[str]
    ordering: list[tuple[str, str]]
    limits: str


class _Rewriting:
    def __init__(self, text: str, schemas: Mapping[str, str], columns: Collection[str]) -> None:
        from sqlglot import exp

        words = sorted(CHANGING & names(text))
        if words:
            raise Refused(f"{words[0]} depends on when or by whom it is run")
        self.text = text
        self.columns = columns
        if _FIELD.search(text):
            # The server keeps no field of extract(), and what stands for it here is any.
            raise Refused(f"which field extract() takes is not kept: {_GIVE}")
        norm = normalised(text)
        tree = norm.parse()
        if tree is None:
            raise Refused("its text can't be parsed")
        if norm.lists:
            raise Refused("a list of parameters (IN) can't become a group")
        if not isinstance(tree, exp.Select):
            raise Refused("it is not a single SELECT")
        if tree.args.get("locks") or tree.args.get("into"):
            raise Refused("it locks or writes rows")
        if found := changing(tree):
            raise Refused(f"{found} depends on when or by whom it is run")
        self.tree: exp.Select = tree
        self._qualify(schemas)
        self.plain = self._sql(tree)
        self.by_zone = by_zone(tree)
        self.taken: set[str] = set()

    @staticmethod
    def _sql(node: Any) -> str:
        return str(node.sql(dialect="postgres", comments=False, normalize_functions=False))

    def _qualify(self, schemas: Mapping[str, str]) -> None:
        from sqlglot import exp

        own = {one.alias_or_name for one in self.tree.find_all(exp.CTE)}
        for table in self.tree.find_all(exp.Table):
            name = table.name if table.this.args.get("quoted") else table.name.lower()
            if table.args.get("db") is None and name not in own and name in schemas:
                table.set("db", exp.to_identifier(schemas[name], quoted=True))

    def done(self) -> Rewritten:
        from sqlglot import exp

        tree = self.tree
        group = tree.args.get("group")
        aggregated = any(
            one.find(exp.AggFunc) and not one.find(exp.Window) for one in tree.expressions
        )
        if not (group or aggregated or tree.args.get("distinct")):
            raise Refused("it aggregates nothing")
        self._check_group(group)
        order = tree.args.get("order")
        limits = self._take_limits()
        outputs = self._name_outputs()
        filters = self._take_filters(group, outputs)
        single = not group and not tree.args.get("distinct")
        shown = list(outputs)
        ordering = self._ordering(order, outputs) if order else []
        tree.set("order", None)
        lifted = self._lift(outputs, single)
        self._refuse_parameters(tree)
        key = self._key(group, outputs, lifted, single)
        query = self._sql(tree)
        return Rewritten(
            self._view_name(key),
            query,
            tuple(outputs),
            tuple(key),
            self._reading(shown, outputs, lifted, _Clauses(filters, ordering, limits), single),
            tuple(column for column, _ in lifted.values()),
            self.plain,
            self.by_zone,
        )

    def _check_group(self, group: exp.Group | None) -> None:
        from sqlglot import exp

        if group and (group.find(exp.Rollup, exp.Cube, exp.GroupingSets) or group.args.get("all")):
            raise Refused("GROUPING SETS, CUBE and ROLLUP give rows that no key tells apart")
        distinct = self.tree.args.get("distinct")
        if distinct and distinct.args.get("on"):
            raise Refused("DISTINCT ON keeps rows that its order decides")
        if any(isinstance(one, exp.Star) or one.is_star for one in self.tree.expressions):
            raise Refused("its columns are not named (*)")

    def _take_limits(self) -> str:
        from sqlglot import exp

        found = []
        for name in ("limit", "offset"):
            node = self.tree.args.get(name)
            if node is None:
                continue
            if isinstance(node, exp.Fetch):
                raise Refused("FETCH FIRST may take ties")
            found.append(self._sql(node).strip())
            self.tree.set(name, None)
        return (" " + " ".join(found)) if found else ""

    # --- names of columns

    def _unique(self, wanted: str) -> str:
        base = wanted.encode()[: _NAME_BYTES - 4].decode("utf-8", "ignore") or "column"
        name, number = base, 2
        while name in self.taken:
            name, number = f"{base}_{number}", number + 1
        self.taken.add(name)
        return name

    def _name_outputs(self) -> dict[str, exp.Expression]:
        """Outputs by the names of the view's columns; each has it as an alias afterwards."""
        from sqlglot import exp

        found: dict[str, exp.Expression] = {}
        named = []
        for one in self.tree.expressions:
            inner = one.this if isinstance(one, exp.Alias) else one
            name = self._unique(told_name(one) or function_name(inner) or "column")
            found[name] = inner
            named.append(exp.alias_(inner.copy(), name, quoted=True))
        self.tree.set("expressions", named)
        return found

    def _ordering(
        self, order: exp.Order, outputs: dict[str, exp.Expression]
    ) -> list[tuple[str, str]]:
        found = []
        for one in order.expressions:
            name = self._output_of(one.this, outputs)
            if name is None:
                raise Refused("it is ordered by what it does not return")
            clause = " DESC" if one.args.get("desc") else ""
            if one.args.get("nulls_first") is not None and "NULLS" in self._sql(one).upper():
                clause += " NULLS FIRST" if one.args["nulls_first"] else " NULLS LAST"
            found.append((name, clause))
        return found

    def _output_of(
        self, term: exp.Expression, outputs: dict[str, exp.Expression], *, grouped: bool = False
    ) -> str | None:
        """The output that a term of ORDER BY or GROUP BY means: by place, by name or by text."""
        from sqlglot import exp

        if isinstance(term, exp.Literal) and not term.is_string:
            place = int(str(term.this))
            return list(outputs)[place - 1] if 1 <= place <= len(outputs) else None
        text = self._sql(term)
        for name, one in outputs.items():
            if self._sql(one) == text:
                return name
        if isinstance(term, exp.Column) and not term.table:
            bare = term.name if term.this.args.get("quoted") else term.name.lower()
            if bare in outputs and not isinstance(outputs[bare], exp.Column):
                return None if grouped and bare in self.columns else bare
            same = [n for n, one in outputs.items() if isinstance(one, exp.Column) and n == bare]
            return same[0] if same else None
        return None

    # --- parameters

    def _take_filters(
        self, group: exp.Group | None, outputs: dict[str, exp.Expression]
    ) -> list[str]:
        """Conditions on columns that are grouped by choose groups as well when these exist."""
        from sqlglot import exp

        where, found = self.tree.args.get("where"), []
        if where is None or group is None or self.tree.find(exp.Window):
            return []
        keys = {self._sql(one) for one in group.expressions if isinstance(one, exp.Column)}
        keys |= {
            self._sql(outputs[name])
            for one in group.expressions
            if (name := self._output_of(one, outputs, grouped=True))
            and isinstance(outputs[name], exp.Column)
        }
        by_text = {self._sql(one): name for name, one in outputs.items()}
        kept = []
        for term in terms(where):
            columns = {self._sql(one) for one in term.find_all(exp.Column)}
            movable = columns and columns <= keys and columns <= set(by_text)
            if not movable or not term.find(exp.Parameter) or term.find(exp.Query):
                kept.append(term)
                continue
            moved = term.copy()
            for one in list(moved.find_all(exp.Column)):
                name = by_text[self._sql(one)]
                one.replace(exp.column(name, table="m", quoted=True))
            found.append(self._sql(moved.unnest() if isinstance(moved, exp.Paren) else moved))
        self._set_where(kept)
        return [f"({one})" for one in found]

    def _set_where(self, terms: list[exp.Expression]) -> None:
        from sqlglot import exp

        condition = exp.and_(*terms) if terms else None
        self.tree.set("where", exp.Where(this=condition) if condition else None)

    def _lift(self, outputs: dict[str, exp.Expression], single: bool) -> dict[str, tuple[str, str]]:
        """Make columns that are compared with parameters groups; by output: column and parameter.

        The outputs get what is new.
        """
        from sqlglot import exp

        where = self.tree.args.get("where")
        if where is None:
            return {}
        uses = [one.name for one in self.tree.find_all(exp.Parameter)]
        lifted: dict[str, tuple[str, str]] = {}
        kept = []
        for term in terms(where):
            pair = equality(term)
            if pair is None or uses.count(pair[1].name) > 1:
                kept.append(term)
                continue
            column, parameter = pair
            text = self._sql(column)
            name = next((n for n, one in outputs.items() if self._sql(one) == text), None)
            if name in lifted:
                kept.append(term)
                continue
            if name is None:
                name = self._unique(column.name)
                outputs[name] = column.copy()
                self.tree.append("expressions", exp.alias_(column.copy(), name, quoted=True))
            lifted[name] = (text, self._sql(parameter))
        if not lifted:
            return {}
        if self.tree.find(exp.Window):
            raise Refused("a window function sees other rows when a parameter becomes a group")
        if single:
            self._check_single(outputs, lifted)
        self._set_where(kept)
        if self.tree.args.get("distinct") is None or self.tree.args.get("group"):
            grouped = self.tree.args.get("group")
            there = {self._sql(one) for one in grouped.expressions} if grouped else set()
            for name, (text, _) in lifted.items():
                if text not in there:
                    self.tree.group_by(outputs[name].copy(), copy=False)
        return lifted

    def _check_single(
        self, outputs: dict[str, exp.Expression], lifted: dict[str, tuple[str, str]]
    ) -> None:
        """Without GROUP BY there is a row even if nothing matches, and the reading makes it up."""
        if self.tree.args.get("having"):
            raise Refused("HAVING without GROUP BY")
        for name, one in outputs.items():
            if name not in lifted and when_empty(one) is None:
                raise Refused("what it gives where nothing matches is not known")

    def _refuse_parameters(self, tree: exp.Select) -> None:
        from sqlglot import exp

        for one in tree.find_all(exp.Parameter):
            where, node = "", one.parent
            while node is not None:
                where = PLACES.get(type(node).__name__, where)
                node = node.parent
            raise Refused(f"${one.name} {where or 'is a constant in what it computes'}: {_GIVE}")

    # --- key and reading

    def _key(
        self,
        group: exp.Group | None,
        outputs: dict[str, exp.Expression],
        lifted: dict[str, tuple[str, str]],
        single: bool,
    ) -> list[str]:
        from sqlglot import exp

        if self.tree.args.get("distinct"):
            return list(outputs)
        key = list(lifted)
        for term in group.expressions if group else ():
            name = self._output_of(term, outputs, grouped=True)
            if name is None:
                if isinstance(term, exp.Literal):
                    raise Refused("GROUP BY names a place that there is not")
                name = self._unique(told_name(term) or "key")
                outputs[name] = term.copy()
                self.tree.append("expressions", exp.alias_(term.copy(), name, quoted=True))
            if name not in key:
                key.append(name)
        if single and not key:
            key = [self._unique("only_row")]
            outputs[key[0]] = exp.true()
            self.tree.append("expressions", exp.alias_(exp.true(), key[0], quoted=True))
        return key

    def _reading(
        self,
        shown: list[str],
        outputs: dict[str, exp.Expression],
        lifted: dict[str, tuple[str, str]],
        clauses: _Clauses,
        single: bool,
    ) -> tuple[str, str]:
        conditions = [f"m.{quoted(name)} = {value}" for name, (_, value) in lifted.items()]
        conditions += clauses.filters
        columns = [f"m.{quoted(name)}" for name in shown]
        if single and lifted:
            columns = [
                f"coalesce(m.{quoted(name)}, 0) AS {quoted(name)}"
                if when_empty(outputs[name]) == "0"
                else f"m.{quoted(name)}"
                for name in shown
            ]
            rest = f"(SELECT) AS one LEFT JOIN \0 AS m ON {' AND '.join(conditions)}"
        else:
            rest = "\0 AS m" + (f" WHERE {' AND '.join(conditions)}" if conditions else "")
        if clauses.ordering:
            terms = [f"m.{quoted(name)}{clause}" for name, clause in clauses.ordering]
            rest += f" ORDER BY {', '.join(terms)}"
        return f"SELECT {', '.join(columns)} FROM ", rest + clauses.limits

    def _view_name(self, key: list[str]) -> str:
        from sqlglot import exp

        tables = [one.name for one in self.tree.find_all(exp.Table)][:2]
        by = [one for one in key if one != "only_row"][:2]
        mark = sha256(fingerprint(self.text).encode()).hexdigest()[:6]
        stem = "_".join([*tables, *(["by", *by] if by else [])])
        room = _NAME_BYTES - len(mark) - 4
        return f"{stem.encode()[:room].decode('utf-8', 'ignore')}_mv_{mark}"
