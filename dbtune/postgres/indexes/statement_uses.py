"""What a statement does with tables, read from its text by sqlglot and the facts' column names.

Names are resolved as the server does it: through subqueries, CTEs and correlation to the table that
a column comes from, because the planner pulls conditions down the same way. Only plain columns are
taken from here. Expressions come from the plan (:mod:`dbtune.postgres.indexes.plan_uses`), as the
server writes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlglot import exp

from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.indexes.definition import Key, column_key
from dbtune.postgres.indexes.uses import Condition, Equalities, Kind, Place, Use
from dbtune.postgres.plans.ddl import quote

_RANGES: dict[type[exp.Expression], str] = {exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_MAX_DEPTH = 60


def statement_uses(
    tree: exp.Expression, catalog: Catalog, search_path: Sequence[str] = ()
) -> list[Use]:
    """The occurrences of tables in a parsed statement and what it does with them.

    Args:
        tree: the statement, parsed as PostgreSQL's dialect.
        catalog: names of tables and columns.
        search_path: where unqualified names are looked up.
    """
    reader = _Reader(catalog, search_path)
    reader.statement(tree, None, {})
    reader.equalities.apply(reader.uses)
    return reader.uses


class _Source:
    """Something in FROM that has columns."""

    def places(self, name: str) -> list[Place] | None:
        """Where a column comes from; ``[]`` if it is computed, ``None`` if there is none."""
        return None

    def need(self, name: str) -> None:
        """Note that a column is read; "" means all of them."""


class _Base(_Source):
    def __init__(self, use: Use, number: int) -> None:
        self._use, self._number = use, number
        self._names = frozenset(column.name for column in use.table.columns)

    def places(self, name: str) -> list[Place] | None:
        return [(self._number, name)] if name in self._names else None

    def need(self, name: str) -> None:
        if name:
            self._use.needed.add(name)
        else:
            self._use.needed |= self._names


class _Output(NamedTuple):
    expression: exp.Expression
    scope: _Scope


class _Derived(_Source):
    """A subquery, CTE or set operation: its outputs are read only if they are asked for."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self.names: list[str] = []
        self.outputs: list[list[_Output]] = []
        self.stars: list[_Source] = []
        self._asked: set[str] = set()

    def _of(self, name: str) -> list[_Output] | None:
        return self.outputs[self.names.index(name)] if name in self.names else None

    def places(self, name: str) -> list[Place] | None:
        outputs = self._of(name)
        if outputs is None:
            return next((p for star in self.stars if (p := star.places(name)) is not None), None)
        return [place for one in outputs for place in self._reader.places(one.expression, one.scope)]

    def need(self, name: str) -> None:
        if name in self._asked:
            return
        self._asked.add(name)
        chosen = self.outputs if not name else [self._of(name) or []]
        for outputs in chosen:
            for one in outputs:
                self._reader.mark(one.expression, one.scope)
        if not name or self._of(name) is None:
            for star in self.stars:
                if not name or star.places(name) is not None:
                    star.need(name)

    def renamed(self, names: Sequence[str]) -> _Derived:
        """The same with other names of its outputs, as ``AS t (a, b)`` gives them."""
        if not names or self.stars:
            return self
        other = _Derived(self._reader)
        other.names = [*names, *self.names[len(names) :]]
        other.outputs = self.outputs
        return other


class _Scope:
    def __init__(self, parent: _Scope | None) -> None:
        self.parent = parent
        self.sources: dict[str, _Source] = {}

    def find(self, column: exp.Column) -> tuple[_Source | None, list[Place]]:
        """The source of a column and where it comes from in the end."""
        name, table = _folded(column.this), _folded(column.args.get("table"))
        scope: _Scope | None = self
        while scope is not None:
            sources = [scope.sources[table]] if table in scope.sources else []
            for source in sources if table else scope.sources.values():
                if (places := source.places(name)) is not None:
                    return source, places
            if sources:
                return None, []
            scope = scope.parent
        return None, []


class _Fact(NamedTuple):
    """A condition on an occurrence, or (with ``other``) an equality of two columns."""

    number: int
    condition: Condition | None
    mine: str = ""
    other: Place | None = None


Ctes = Mapping[str, _Source]


class _Reader:
    def __init__(self, catalog: Catalog, search_path: Sequence[str]) -> None:
        self._catalog = catalog
        self._path = search_path
        self._depth = 0
        self.uses: list[Use] = []
        self.equalities = Equalities()

    # ------------------------------------------------------------------------------ statements

    def statement(self, tree: exp.Expression, parent: _Scope | None, ctes: Ctes) -> _Derived:
        ctes = self._with(tree, parent, ctes)
        if isinstance(tree, exp.Insert):
            expression = tree.args.get("expression")
            if isinstance(expression, exp.Query):
                self._query(expression, parent, ctes).need("")
            return _Derived(self)
        if isinstance(tree, exp.Update | exp.Delete | exp.Merge):
            return self._written(tree, parent, ctes)
        if isinstance(tree, exp.Query):
            found = self._query(tree, parent, ctes)
            if parent is None:
                found.need("")
            return found
        return _Derived(self)

    def _with(self, tree: exp.Expression, parent: _Scope | None, ctes: Ctes) -> Ctes:
        clause = tree.args.get("with_")
        known = dict(ctes)
        for cte in clause.expressions if clause is not None else ():
            name = cte.alias_or_name if cte.args["alias"].this.quoted else cte.alias.lower()
            known[name] = _Source()  # a recursive one names itself
            names = [_folded(one) for one in cte.args["alias"].args.get("columns") or ()]
            body = self.statement(cte.this, parent or _Scope(None), known)
            known[name] = body.renamed(names)
        return known

    def _written(self, tree: exp.Expression, parent: _Scope | None, ctes: Ctes) -> _Derived:
        """UPDATE, DELETE and MERGE: what has to be found, by a SELECT's rules."""
        scope = _Scope(parent)
        self._source(tree.this, scope, ctes)
        target = next(iter(scope.sources.values()), None)
        if isinstance(target, _Base):
            self.uses[-1].written = True
        others = tree.args.get("using") or []
        if from_ := tree.args.get("from_"):
            others = [from_.this, *(from_.args.get("joins") or ())]
        for other in others if isinstance(others, list) else [others]:
            self._source(other, scope, ctes)
        on = [tree.args["on"]] if tree.args.get("on") else []
        conditions = [*on, *([tree.args["where"].this] if tree.args.get("where") else [])]
        for one in (*tree.args.get("expressions", ()), *conditions):
            self._nested(one, scope, ctes)
            self.mark(one, scope)
        for one in conditions:
            self._conditions(one, scope)
        return _Derived(self)

    def _query(self, tree: exp.Expression, parent: _Scope | None, ctes: Ctes) -> _Derived:
        self._depth += 1
        try:
            if self._depth > _MAX_DEPTH:
                return _Derived(self)
            ctes = self._with(tree, parent, ctes)
            if isinstance(tree, exp.Subquery):
                return self._query(tree.this, parent, ctes)
            if isinstance(tree, exp.SetOperation):
                return self._set_operation(tree, parent, ctes)
            return self._select(tree, parent, ctes) if isinstance(tree, exp.Select) else _Derived(self)
        finally:
            self._depth -= 1

    def _set_operation(self, tree: exp.SetOperation, parent: _Scope | None, ctes: Ctes) -> _Derived:
        left, right = (self._query(side, parent, ctes) for side in (tree.this, tree.expression))
        both = _Derived(self)
        both.names = left.names
        both.outputs = [
            [*one, *(right.outputs[n] if n < len(right.outputs) else ())]
            for n, one in enumerate(left.outputs)
        ]
        both.stars = [*left.stars, *right.stars]
        if tree.args.get("distinct") or not isinstance(tree, exp.Union):
            both.need("")
        return both

    def _select(self, tree: exp.Select, parent: _Scope | None, ctes: Ctes) -> _Derived:
        scope = _Scope(parent)
        first = len(self.uses)
        conditions = []
        if from_ := tree.args.get("from_"):
            conditions += self._source(from_.this, scope, ctes)
        for join in tree.args.get("joins") or ():
            conditions += self._join(join, scope, ctes)
        own = self.uses[first:]
        if where := tree.args.get("where"):
            conditions.append(where.this)
        outputs = tree.expressions
        groups = tree.args.get("group")
        having, order = tree.args.get("having"), tree.args.get("order")
        read = [one for one in (groups, having, order, tree.args.get("distinct")) if one]
        for one in (*conditions, *outputs, *read):
            self._nested(one, scope, ctes)
        for one in (*conditions, *read):
            self.mark(one, scope)
        for one in conditions:
            self._conditions(one, scope)
        found = self._outputs(outputs, scope)
        self._ordered(tree, scope, found, own)
        return found

    def _outputs(self, expressions: Sequence[exp.Expression], scope: _Scope) -> _Derived:
        found = _Derived(self)
        for one in expressions:
            if isinstance(one, exp.Star):
                found.stars += scope.sources.values()
            elif isinstance(one, exp.Column) and isinstance(one.this, exp.Star):
                source = scope.sources.get(_folded(one.args.get("table")))
                found.stars += [source] if source else []
            else:
                inner = one.this if isinstance(one, exp.Alias) else one
                alias = one.args.get("alias") if isinstance(one, exp.Alias) else None
                name = _folded(alias) if alias else _folded(getattr(one, "this", None))
                found.names.append(name)
                found.outputs.append([_Output(inner, scope)])
        return found

    # --------------------------------------------------------------------------------- sources

    def _source(self, tree: exp.Expression, scope: _Scope, ctes: Ctes) -> list[exp.Expression]:
        """Add what stands in FROM to a scope; returns the conditions of joins inside it."""
        conditions: list[exp.Expression] = []
        alias = tree.args.get("alias")
        names = [_folded(one) for one in (alias.args.get("columns") or ())] if alias else []
        name = _folded(alias.this) if alias and alias.this else ""
        if isinstance(tree, exp.Table):
            own = _folded(tree.this)
            schema = _folded(tree.args.get("db"))
            scope.sources[name or own] = self._named(schema, own, ctes)
        elif isinstance(tree, exp.Subquery) and isinstance(tree.this, exp.Table):
            conditions += self._source(tree.this, scope, ctes)  # a join in parentheses
        elif isinstance(tree, exp.Subquery | exp.Lateral):
            body = tree.this.this if isinstance(tree.this, exp.Subquery) else tree.this
            lateral = scope if isinstance(tree, exp.Lateral) else scope.parent
            if isinstance(body, exp.Query):
                found = self._query(body, lateral, ctes).renamed(names)
                scope.sources[name or f"?{len(scope.sources)}"] = found
        elif name:
            scope.sources[name] = _Source()
        for join in tree.args.get("joins") or ():
            conditions += self._join(join, scope, ctes)
        return conditions

    def _named(self, schema: str, name: str, ctes: Ctes) -> _Source:
        if not schema and name in ctes:
            return ctes[name]
        table = self._catalog.table(schema, name, self._path)
        if table is None:
            return _Source()
        self.uses.append(Use(table))
        return _Base(self.uses[-1], len(self.uses) - 1)

    def _join(self, join: exp.Join, scope: _Scope, ctes: Ctes) -> list[exp.Expression]:
        before = list(scope.sources.values())
        conditions = self._source(join.this, scope, ctes)
        added = [one for one in scope.sources.values() if one not in before]
        for column in join.args.get("using") or ():
            name = _folded(column if isinstance(column, exp.Identifier) else column.this)
            sides = [
                next((s for s in sources if s.places(name) is not None), None)
                for sources in (before, added)
            ]
            if sides[0] and sides[1]:
                for side in sides:
                    side.need(name)  # type: ignore[union-attr]
                for one in sides[0].places(name) or ():
                    for other in sides[1].places(name) or ():
                        self.equalities.add(one, other)
        if on := join.args.get("on"):
            conditions.append(on)
        return conditions

    def _nested(self, tree: exp.Expression, scope: _Scope, ctes: Ctes) -> None:
        """Read the queries inside an expression, and join what IN compares."""
        for query in _queries(tree):
            found = self._query(query, scope, ctes)
            above = query.parent
            while isinstance(above, exp.Subquery | exp.Paren):
                above = above.parent
            if isinstance(above, exp.Exists):
                continue
            found.need("")
            compared = above.this if isinstance(above, exp.In) else None
            if isinstance(above, exp.Any) and isinstance(above.parent, exp.EQ):
                compared = above.parent.this
            if compared is not None and found.outputs:
                sides = compared.expressions if isinstance(compared, exp.Tuple) else [compared]
                for side, outputs in zip(sides, found.outputs, strict=False):
                    for place in self.places(side, scope):
                        for output in outputs:
                            for other in self.places(output.expression, output.scope):
                                self.equalities.add(place, other)

    # ----------------------------------------------------------------------------- expressions

    def places(self, tree: exp.Expression, scope: _Scope) -> list[Place]:
        """Where a bare column comes from; ``[]`` for anything else."""
        tree = tree.unnest()
        return scope.find(tree)[1] if isinstance(tree, exp.Column) else []

    def mark(self, tree: exp.Expression, scope: _Scope) -> None:
        """Note the columns that an expression reads, without those of queries inside it."""
        for column in _columns(tree):
            if isinstance(column.this, exp.Star):
                continue
            source, _ = scope.find(column)
            if source is not None:
                source.need(_folded(column.this))
            elif whole := scope.sources.get(_folded(column.this)):
                whole.need("")  # a whole row, by its table's name

    def _conditions(self, tree: exp.Expression, scope: _Scope) -> None:
        for fact in self._facts(tree, scope, record=True):
            self._note(fact)

    def _note(self, fact: _Fact) -> None:
        if fact.other is not None:
            self.equalities.add((fact.number, fact.mine), fact.other)
        elif fact.condition is not None:
            self.uses[fact.number].add(fact.condition)

    def _facts(
        self, tree: exp.Expression, scope: _Scope, *, record: bool = False
    ) -> list[_Fact]:
        found = []
        for term in _terms(tree, exp.And):
            parts = list(_terms(term, exp.Or))
            if len(parts) == 1:
                found += self._term(term, scope)
                continue
            branches = [self._facts(one, scope) for one in parts]
            found += _common(branches)
            if record:
                self._branches(branches)
        return found

    def _branches(self, branches: list[list[_Fact]]) -> None:
        """An OR that is about one table, with something to look up in each branch."""
        numbers = {fact.number for branch in branches for fact in branch}
        if len(numbers) == 1 and all(branches):
            conditions = [
                tuple(fact.condition for fact in branch if fact.condition) for branch in branches
            ]
            if all(conditions):
                self.uses[numbers.pop()].branches.append(tuple(conditions))

    def _term(self, term: exp.Expression, scope: _Scope) -> list[_Fact]:
        negated = isinstance(term, exp.Not)
        inner = term.this.unnest() if negated else term
        if not isinstance(inner, exp.Is):
            negated ^= bool(inner.args.get("negate"))
        if isinstance(inner, exp.Column):
            value = "false" if negated else "true"
            return self._on(inner, scope, "boolean", "=", value, "NOT {}" if negated else "{}")
        if isinstance(inner, exp.Is):
            return self._is(inner, scope, negated=negated)
        if negated:
            columns = inner.this if isinstance(inner, exp.In) else None
            return self._on(columns, scope, "unequal") if columns is not None else []
        if isinstance(inner, exp.In):
            if inner.args.get("query") is not None:
                return []
            values = inner.expressions
            return self._on(inner.this, scope, "list", "IN", None) if _free(*values) else []
        if isinstance(inner, exp.Between):
            free = _free(inner.args["low"], inner.args["high"])
            return self._on(inner.this, scope, "range", "BETWEEN") if free else []
        if isinstance(inner, exp.Like | exp.ILike) and _free(inner.expression):
            return self._like(inner, scope)
        if isinstance(inner, exp.Binary):
            return self._comparison(inner, scope)
        return []

    def _is(self, term: exp.Is, scope: _Scope, *, negated: bool) -> list[_Fact]:
        negated ^= bool(term.args.get("negate"))
        if isinstance(term.expression, exp.Null):
            kind: Kind = "not null" if negated else "null"
            word = "IS NOT NULL" if negated else "IS NULL"
            return self._on(term.this, scope, kind, word, None, "{} " + word)
        if isinstance(term.expression, exp.Boolean) and not negated:
            value = "true" if term.expression.this else "false"
            return self._on(term.this, scope, "boolean", "=", value, "{} IS " + value.upper())
        return []

    def _like(self, term: exp.Like | exp.ILike, scope: _Scope) -> list[_Fact]:
        literal = term.expression
        text = str(literal.this) if isinstance(literal, exp.Literal) else ""
        kind: Kind = "pattern"
        if isinstance(term, exp.Like) and (not text or text[0] not in "%_\\"):
            kind = "prefix"
        return self._on(term.this, scope, kind, "LIKE", _value(literal))

    def _comparison(self, term: exp.Binary, scope: _Scope) -> list[_Fact]:
        left, right = term.left.unnest(), term.right.unnest()
        if isinstance(left, exp.Tuple) and isinstance(right, exp.Tuple):
            pairs = zip(left.expressions, right.expressions, strict=False)
            return [
                fact
                for one, other in pairs
                for fact in self._comparison(type(term)(this=one, expression=other), scope)
            ]
        operator = "=" if isinstance(term, exp.EQ | exp.NullSafeEQ) else _RANGES.get(type(term), "")
        if not operator:
            return self._on(left, scope, "unequal") if isinstance(term, exp.NEQ) else []
        if isinstance(right, exp.Any):
            free = operator == "=" and _free(right.this)
            return self._on(left, scope, "list", "= ANY", None) if free else []
        found = self._compared(left, operator, right, scope)
        if not isinstance(left, exp.Column) or isinstance(right, exp.Column):
            found += self._compared(right, _TURNED.get(operator, "="), left, scope)
        return found

    def _compared(
        self, side: exp.Expression, operator: str, other: exp.Expression, scope: _Scope
    ) -> list[_Fact]:
        places = self.places(side, scope)
        others = self.places(other, scope)
        if operator == "=" and others:
            return [_Fact(n, None, name, b) for n, name in places for b in others if b[0] != n]
        numbers = {place[0] for place in places}
        for column in _columns(other):
            if any(place[0] in numbers for place in scope.find(column)[1]):
                return []  # compared with its own row
        value = _value(other)
        kind: Kind = "equality" if operator == "=" else "range"
        text = f"{{}} {operator} {value}" if value is not None else ""
        return self._on(side, scope, kind, operator, value, text)

    def _on(
        self,
        side: exp.Expression,
        scope: _Scope,
        kind: Kind,
        operator: str = "",
        value: str | None = None,
        predicate: str = "",
    ) -> list[_Fact]:
        return [
            _Fact(
                number,
                Condition(
                    kind, column_key(name), operator, value, predicate.replace("{}", quote(name), 1)
                ),
            )
            for number, name in self.places(side, scope)
        ]

    # ------------------------------------------------------------------------- orders and groups

    def _ordered(
        self, tree: exp.Select, scope: _Scope, outputs: _Derived, own: Sequence[Use]
    ) -> None:
        limited = bool(tree.args.get("limit"))
        for use in own if limited else ():
            use.limited = True
        distinct = tree.args.get("distinct")
        if group := tree.args.get("group"):
            self._group([self._output(one, outputs, scope) for one in group.expressions])
        if distinct is not None:
            on = distinct.args.get("on")
            listed = on.expressions if on is not None else tree.expressions
            self._group([(one, scope) for one in listed])
        if order := tree.args.get("order"):
            self._order([*order.expressions], outputs, scope)
        for window in tree.find_all(exp.Window):
            if window.find_ancestor(exp.Select) is tree:
                spec = window.args.get("order")
                parts = [exp.Ordered(this=one) for one in window.args.get("partition_by") or ()]
                self._order([*parts, *(spec.expressions if spec else ())], None, scope)
        for call in tree.find_all(exp.Min, exp.Max):
            if not tree.args.get("group") and call.find_ancestor(exp.Select) is tree:
                self._order([exp.Ordered(this=call.this)], None, scope)

    def _output(
        self, tree: exp.Expression, outputs: _Derived | None, scope: _Scope
    ) -> tuple[exp.Expression, _Scope]:
        """What ``ORDER BY 1`` or the name of an output stands for."""
        if outputs is None:
            return tree, scope
        name = ""
        if isinstance(tree, exp.Literal) and not tree.is_string and str(tree.this).isdigit():
            at = int(tree.this) - 1
            if 0 <= at < len(outputs.outputs):
                return outputs.outputs[at][0]
        elif isinstance(tree, exp.Column) and not tree.args.get("table"):
            name = _folded(tree.this)
        if name and name in outputs.names:
            return outputs.outputs[outputs.names.index(name)][0]
        return tree, scope

    def _group(self, listed: list[tuple[exp.Expression, _Scope]]) -> None:
        by_use: dict[int, list[str]] = {}
        for tree, scope in listed:
            inner = tree.this if isinstance(tree, exp.Alias) else tree
            for number, name in self.places(inner, scope)[:1]:
                by_use.setdefault(number, []).append(name)
        for number, names in by_use.items():
            if tuple(names) not in self.uses[number].groups:
                self.uses[number].groups.append(tuple(names))

    def _order(
        self, listed: Sequence[exp.Expression], outputs: _Derived | None, scope: _Scope
    ) -> None:
        keys: list[Key] = []
        number: int | None = None
        for one in listed:
            tree, inside = self._output(one.this, outputs, scope)
            places = self.places(tree, inside)
            if not places or (number is not None and places[0][0] != number):
                break
            number, name = places[0]
            descending = bool(one.args.get("desc"))
            nulls = one.args.get("nulls_first")
            keys.append(
                column_key(
                    name,
                    descending=descending,
                    nulls_first=None if nulls is None or nulls == descending else bool(nulls),
                )
            )
        if number is not None and tuple(keys) not in self.uses[number].orders:
            self.uses[number].orders.append(tuple(keys))


def _common(branches: list[list[_Fact]]) -> list[_Fact]:
    """What all branches of an OR say: the same equality of columns, or something on a column."""
    joins = [{(f.number, f.mine, f.other) for f in branch if f.other} for branch in branches]
    found = [_Fact(n, None, mine, other) for n, mine, other in joins[0] if all(
        (n, mine, other) in one for one in joins[1:]
    )]
    usable = ("equality", "list", "range", "boolean")
    kinds: list[dict[Place, str]] = [
        {
            (f.number, f.condition.column): f.condition.kind
            for f in branch
            if f.condition and f.condition.kind in usable and f.condition.column
        }
        for branch in branches
    ]
    for place in kinds[0]:
        if all(place in one for one in kinds[1:]):
            ranged = any(one[place] == "range" for one in kinds)
            condition = Condition("range" if ranged else "list", column_key(place[1]), "OR")
            found.append(_Fact(place[0], condition))
    return sorted(found, key=lambda fact: (fact.number, fact.mine, str(fact.condition)))


def _terms(tree: exp.Expression, joined_by: type[exp.Connector]) -> Iterator[exp.Expression]:
    """The parts of an AND or OR, however deep, without recursion."""
    waiting = [tree]
    while waiting:
        one = waiting.pop().unnest()
        if isinstance(one, joined_by):
            waiting += (one.right, one.left)
        else:
            yield one


def _queries(tree: exp.Expression) -> Iterator[exp.Expression]:
    """The outermost queries inside an expression."""
    for node in tree.walk(prune=lambda one: isinstance(one, exp.Query)):
        if isinstance(node, exp.Query):
            yield node


def _columns(tree: exp.Expression) -> Iterator[exp.Column]:
    for node in tree.walk(prune=lambda one: isinstance(one, exp.Query)):
        if isinstance(node, exp.Column):
            yield node


def _free(*trees: exp.Expression) -> bool:
    """Whether expressions are the same for all rows: no columns, no queries."""
    return not any(tree.find(exp.Column, exp.Query) for tree in trees)


def _value(tree: exp.Expression) -> str | None:
    """A plain constant as SQL; ``None`` for what is computed or not known."""
    inner = tree.this if isinstance(tree, exp.Cast | exp.Neg | exp.Paren) else tree
    if isinstance(inner, exp.Literal | exp.Boolean) or (inner is not tree and _value(inner)):
        return str(tree.sql("postgres"))
    return None


def _folded(identifier: Any) -> str:
    """An identifier as the catalog has it."""
    while isinstance(identifier, exp.Alias | exp.TableAlias | exp.Column):
        identifier = identifier.this
    if not isinstance(identifier, exp.Identifier):
        return identifier.lower() if isinstance(identifier, str) else ""
    name = str(identifier.this)
    return name if identifier.args.get("quoted") else name.lower()
