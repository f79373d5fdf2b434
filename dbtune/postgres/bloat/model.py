"""Estimates of all relations from statistics alone."""

from __future__ import annotations

from dbtune.postgres.bloat.btree_model import as_its_siblings, estimate_btree
from dbtune.postgres.bloat.facts import HEAPS, Estimate, Kind, Relation, Sizes
from dbtune.postgres.bloat.heap_model import (
    Rows,
    estimate_table,
    estimate_toast,
    rows_now,
    unknown,
)
from dbtune.postgres.bloat.other_models import estimate_brin, estimate_hash


def model(sizes: Sizes) -> dict[int, Estimate]:
    """An estimate for each relation, by oid; tables before what belongs to them."""
    found: dict[int, Estimate] = {}
    ordered = sorted(sizes.relations.values(), key=lambda one: one.kind is Kind.INDEX)
    for relation in ordered:
        if relation.kind in HEAPS:
            found[relation.oid] = estimate_table(relation, sizes)
        elif relation.kind is Kind.TOAST:
            found[relation.oid] = estimate_toast(relation, sizes)
        else:
            owner = sizes.relations.get(relation.owner)
            rows = rows_now(owner, standby=sizes.standby) if owner else None
            found[relation.oid] = estimate_index(relation, sizes, rows)
    return {oid: as_its_siblings(one, found, sizes) for oid, one in found.items()}


def estimate_index(relation: Relation, sizes: Sizes, rows: Rows | None) -> Estimate:
    """An index, given how many rows its table has now."""
    shape = sizes.indexes.get(relation.oid)
    if shape is None:
        return unknown(relation, "its columns could not be read")
    if shape.method == "hash" and rows is not None:
        return estimate_hash(relation, shape, rows)
    if shape.method == "brin" and rows is not None:
        return estimate_brin(relation, rows)
    if shape.method != "btree":
        return unknown(
            relation, f"no model of {shape.method} indexes; a superuser's pageinspect shows some"
        )
    return estimate_btree(relation, sizes, rows)
