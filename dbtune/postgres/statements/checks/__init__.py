"""Checks on statements. Facts: ``statements``, ``window`` and ``settings`` (of the server)."""

from __future__ import annotations

from collections.abc import Sequence

from dbtune.statements import Statement
from dbtune.text import plain, shorten

SUBJECT_WIDTH = 300


def subject(statement: Statement) -> str:
    """The statement as a finding's subject: one line of bounded length."""
    return shorten(plain(statement.text), SUBJECT_WIDTH)


def time_share(statement: Statement, statements: Sequence[Statement]) -> float:
    """The statement's share of the time of all top-level statements."""
    total = sum(one.total_ms for one in statements if not one.nested)
    return statement.total_ms / total if total else 0.0
