"""What a statement does with tables, read from its text by sqlglot and the facts' column names.

Names are resolved as the server does it: through subqueries, CTEs and correlation to the table that
a column comes from, because the planner pulls conditions down the same way. Only plain columns are
taken from here. Expressions come from the plan (:mod:`dbtune.postgres.indexes.plan_uses`), as the
server writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sqlglot import exp

from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.indexes.condition_facts import alternatives, facts
from dbtune.postgres.indexes.definition import Key, column_key
from dbtune.postgres.indexes.scopes import Base, Derived, Output, Scope, Source, folded, queries
from dbtune.postgres.indexes.uses import Equalities, Use
from dbtune.postgres.relations.facts import Column

_MAX_DEPTH = 60
Ctes = Mapping[str, Source]


def statement_uses(tree: exp.Expr, catalog: Catalog, search_path: Sequence[str] = ()) -> list[Use]:
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


def column_finder(
    tree: exp.Expr, catalog: Catalog, search_path: Sequence[str] = ()
) -> Callable[[exp.Expr, exp.Expr], Column | None]:
    """What tells the column of a table that a column in a parsed statement stands for.

    Its second argument is where the column stands; the others are as of :func:`statement_uses`.
    """
    reader = _Reader(catalog, search_path)
    reader.statement(tree, None, {})

    def find(column: exp.Expr, where: exp.Expr | None) -> Column | None:
        while where is not None and id(where) not in reader.scopes:
            where = where.parent
        places = reader.scopes[id(where)].places(column) if where is not None else []
        for number, name in places:
            return catalog.column(reader.uses[number].table, name)
        return None

    return find


def _is_joined(tree: exp.Expr) -> bool:
    """Whether parentheses are around a join, as views have them around each, or around a query."""
    named = tree.args.get("joins") or tree.args.get("alias")
    return isinstance(tree, exp.Table) or (isinstance(tree, exp.Subquery) and bool(named))


class _Reader:
    def __init__(self, catalog: Catalog, search_path: Sequence[str]) -> None:
        self._catalog = catalog
        self._path = search_path
        self._depth = 0
        self.uses: list[Use] = []
        self.equalities = Equalities()
        self.scopes: dict[int, Scope] = {}

    # ------------------------------------------------------------------------------ statements

    def statement(self, tree: exp.Expr, parent: Scope | None, ctes: Ctes) -> Derived:
        if isinstance(tree, exp.Query):
            found = self._query(tree, parent, ctes)
            if parent is None:
                found.need("")
            return found
        ctes = self._with(tree, parent, ctes)
        if isinstance(tree, exp.Insert):
            expression = tree.args.get("expression")
            if isinstance(expression, exp.Query):
                self._query(expression, parent, ctes).need("")
            return Derived()
        if isinstance(tree, exp.Update | exp.Delete | exp.Merge):
            return self._written(tree, parent, ctes)
        return Derived()

    def _with(self, tree: exp.Expr, parent: Scope | None, ctes: Ctes) -> Ctes:
        clause = tree.args.get("with_")
        known = dict(ctes)
        for cte in clause.expressions if clause is not None else ():
            name = cte.alias_or_name if cte.args["alias"].this.quoted else cte.alias.lower()
            known[name] = Source()  # a recursive one names itself
            names = [folded(one) for one in cte.args["alias"].args.get("columns") or ()]
            body = self.statement(cte.this, parent or Scope(None), known)
            known[name] = body.renamed(names)
        return known

    def _written(self, tree: exp.Expr, parent: Scope | None, ctes: Ctes) -> Derived:
        """UPDATE, DELETE and MERGE: what has to be found, by a SELECT's rules."""
        scope = self.scopes[id(tree)] = Scope(parent)
        self._source(tree.this, scope, ctes)
        target = next(iter(scope.sources.values()), None)
        if isinstance(target, Base):
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
            scope.mark(one)
        for one in conditions:
            self._conditions(one, scope)
        return Derived()

    def _query(self, tree: exp.Expr, parent: Scope | None, ctes: Ctes) -> Derived:
        self._depth += 1
        try:
            if self._depth > _MAX_DEPTH:
                return Derived()
            ctes = self._with(tree, parent, ctes)
            if isinstance(tree, exp.Subquery):
                return self._query(tree.this, parent, ctes)
            if isinstance(tree, exp.SetOperation):
                return self._set_operation(tree, parent, ctes)
            return self._select(tree, parent, ctes) if isinstance(tree, exp.Select) else Derived()
        finally:
            self._depth -= 1

    def _set_operation(self, tree: exp.SetOperation, parent: Scope | None, ctes: Ctes) -> Derived:
        left, right = (self._query(side, parent, ctes) for side in (tree.this, tree.expression))
        both = Derived()
        both.names = left.names
        both.outputs = [
            [*one, *(right.outputs[n] if n < len(right.outputs) else ())]
            for n, one in enumerate(left.outputs)
        ]
        both.stars = [*left.stars, *right.stars]
        if tree.args.get("distinct") or not isinstance(tree, exp.Union):
            both.need("")
        return both

    def _select(self, tree: exp.Select, parent: Scope | None, ctes: Ctes) -> Derived:
        scope = self.scopes[id(tree)] = Scope(parent)
        conditions = []
        if from_ := tree.args.get("from_"):
            conditions += self._source(from_.this, scope, ctes)
        for join in tree.args.get("joins") or ():
            conditions += self._join(join, scope, ctes)
        if where := tree.args.get("where"):
            conditions.append(where.this)
        outputs = tree.expressions
        groups = tree.args.get("group")
        having, order = tree.args.get("having"), tree.args.get("order")
        read = [one for one in (groups, having, order, tree.args.get("distinct")) if one]
        for one in (*conditions, *outputs, *read):
            self._nested(one, scope, ctes)
        for one in (*conditions, *read):
            scope.mark(one)
        for one in conditions:
            self._conditions(one, scope)
        found = self._outputs(outputs, scope)
        self._ordered(tree, scope, found)
        return found

    def _outputs(self, expressions: Sequence[exp.Expr], scope: Scope) -> Derived:
        found = Derived()
        for one in expressions:
            if isinstance(one, exp.Star):
                found.stars += scope.sources.values()
            elif isinstance(one, exp.Column) and isinstance(one.this, exp.Star):
                source = scope.sources.get(folded(one.args.get("table")))
                found.stars += [source] if source else []
            else:
                inner = one.this if isinstance(one, exp.Alias) else one
                alias = one.args.get("alias") if isinstance(one, exp.Alias) else None
                name = folded(alias) if alias else folded(getattr(one, "this", None))
                found.names.append(name)
                found.outputs.append([Output(inner, scope)])
        return found

    # --------------------------------------------------------------------------------- sources

    def _source(self, tree: exp.Expr, scope: Scope, ctes: Ctes) -> list[exp.Expr]:
        """Add what stands in FROM to a scope; returns the conditions of joins inside it."""
        conditions: list[exp.Expr] = []
        alias = tree.args.get("alias")
        names = [folded(one) for one in (alias.args.get("columns") or ())] if alias else []
        name = folded(alias.this) if alias and alias.this else ""
        if isinstance(tree, exp.Table):
            own = folded(tree.this)
            schema = folded(tree.args.get("db"))
            scope.sources[name or own] = self._named(schema, own, ctes)
        elif isinstance(tree, exp.Subquery) and _is_joined(tree.this):
            conditions += self._source(tree.this, scope, ctes)
        elif isinstance(tree, exp.Subquery | exp.Lateral):
            body = tree.this.this if isinstance(tree.this, exp.Subquery) else tree.this
            lateral = scope if isinstance(tree, exp.Lateral) else scope.parent
            if isinstance(body, exp.Query):
                found = self._query(body, lateral, ctes).renamed(names)
                scope.sources[name or f"?{len(scope.sources)}"] = found
        elif name:
            scope.sources[name] = Source()
        for join in tree.args.get("joins") or ():
            conditions += self._join(join, scope, ctes)
        return conditions

    def _named(self, schema: str, name: str, ctes: Ctes) -> Source:
        if not schema and name in ctes:
            return ctes[name]
        table = self._catalog.table(schema, name, self._path)
        if table is None:
            view = self._catalog.view(schema, name, self._path)
            # Its query is no part of the statement's scopes; its outputs are.
            return self._query(view, None, {}) if isinstance(view, exp.Query) else Source()
        self.uses.append(Use(table))
        return Base(self.uses[-1], len(self.uses) - 1)

    def _join(self, join: exp.Join, scope: Scope, ctes: Ctes) -> list[exp.Expr]:
        before = list(scope.sources.values())
        conditions = self._source(join.this, scope, ctes)
        added = [one for one in scope.sources.values() if one not in before]
        for column in join.args.get("using") or ():
            name = folded(column if isinstance(column, exp.Identifier) else column.this)
            left, right = (
                next((s for s in sources if s.places(name) is not None), None)
                for sources in (before, added)
            )
            if left and right:
                left.need(name)
                right.need(name)
                for one in left.places(name) or ():
                    for other in right.places(name) or ():
                        self.equalities.add(one, other)
        if on := join.args.get("on"):
            conditions.append(on)
        return conditions

    def _nested(self, tree: exp.Expr, scope: Scope, ctes: Ctes) -> None:
        """Read the queries inside an expression, and join what IN compares."""
        for query in queries(tree):
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
                    for place in scope.places(side):
                        for output in outputs:
                            for other in output.scope.places(output.expression):
                                self.equalities.add(place, other)

    # ------------------------------------------------------------------------------ conditions

    def _conditions(self, tree: exp.Expr, scope: Scope) -> None:
        for fact in facts(tree, scope):
            if fact.other is not None:
                self.equalities.add((fact.number, fact.mine), fact.other)
            elif fact.condition is not None:
                self.uses[fact.number].add(fact.condition)
        for number, branches in alternatives(tree, scope):
            self.uses[number].branches.append(tuple(branches))

    # ------------------------------------------------------------------------- orders and groups

    def _ordered(self, tree: exp.Select, scope: Scope, outputs: Derived) -> None:
        distinct = tree.args.get("distinct")
        if group := tree.args.get("group"):
            self._group([self._output(one, outputs, scope) for one in group.expressions])
        if distinct is not None:
            on = distinct.args.get("on")
            listed = on.expressions if on is not None else tree.expressions
            self._group([Output(one, scope) for one in listed])
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

    def _output(self, tree: exp.Expr, outputs: Derived | None, scope: Scope) -> Output:
        """What ``ORDER BY 1`` or the name of an output stands for."""
        if outputs is None:
            return Output(tree, scope)
        name = ""
        if isinstance(tree, exp.Literal) and not tree.is_string and str(tree.this).isdigit():
            at = int(tree.this) - 1
            if 0 <= at < len(outputs.outputs):
                return outputs.outputs[at][0]
        elif isinstance(tree, exp.Column) and not tree.args.get("table"):
            name = folded(tree.this)
        if name and name in outputs.names:
            return outputs.outputs[outputs.names.index(name)][0]
        return Output(tree, scope)

    def _group(self, listed: Sequence[Output]) -> None:
        by_use: dict[int, list[str]] = {}
        for tree, scope in listed:
            inner = tree.this if isinstance(tree, exp.Alias) else tree
            for number, name in scope.places(inner)[:1]:
                by_use.setdefault(number, []).append(name)
        for number, names in by_use.items():
            if tuple(names) not in self.uses[number].groups:
                self.uses[number].groups.append(tuple(names))

    def _order(self, listed: Sequence[exp.Expr], outputs: Derived | None, scope: Scope) -> None:
        keys: list[Key] = []
        number: int | None = None
        for one in listed:
            tree, inside = self._output(one.this, outputs, scope)
            places = inside.places(tree)
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
