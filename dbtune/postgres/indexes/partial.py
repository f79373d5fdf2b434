"""Partial indexes: conditions that are always the same and true for few rows."""

from __future__ import annotations

import re

from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.relations.facts import Table

_TERM = re.compile(
    r'(?P<negated>NOT )?"(?P<column>(?:[^"]|"")+)"'
    r"(?: (?P<null>IS (?:NOT )?NULL)| (?P<bool>IS (?:TRUE|FALSE))| = (?P<value>.+))?"
)


def predicate_ratio(predicate: str, table: Table, catalog: Catalog) -> float:
    """The share of a table's rows for which a predicate is true, as far as statistics tell."""
    share = 1.0
    for term in predicate.split(" AND ") if predicate else ():
        found = _TERM.fullmatch(term.strip())
        share *= _ratio(found, table, catalog) if found else 0.3
    return share


def _ratio(term: re.Match[str], table: Table, catalog: Catalog) -> float:
    column = term["column"].replace('""', '"')
    nulls = catalog.null_ratio(table, column)
    if term["null"]:
        return 1.0 - nulls if "NOT" in term["null"] else nulls
    if term["value"] is not None:
        return catalog.equality_ratio(table, column, constant(term["value"]))
    wanted = "f" if term["negated"] or (term["bool"] or "").endswith("FALSE") else "t"
    return catalog.equality_ratio(table, column, wanted)


def constant(sql: str) -> str:
    """A constant as statistics have it: without quotes and type."""
    text = re.sub(r"^CAST\((.*) AS [\w ]+(?:\([\d, ]+\))?\)$", r"\1", sql)
    text = re.sub(r"(?<=')::[\w\" ]+(?:\([\d,]+\))?$", "", text)
    if re.fullmatch(r"'(?:[^']|'')*'", text):
        return text[1:-1].replace("''", "'")
    return {"true": "t", "false": "f"}.get(text.lower(), text)
