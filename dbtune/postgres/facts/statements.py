"""pg_stat_statements: how it is set, and its totals."""

from __future__ import annotations

from dbtune.facts import Fact, fact
from dbtune.postgres.session import Session
from dbtune.postgres.statements.collect import read_setup, read_statements
from dbtune.postgres.statements.facts import Reading

statements_setup = Fact("statements_setup", read_setup)


@fact("statements")
def statements(session: Session) -> Reading:
    """All entries, with their texts."""
    return read_statements(session, read_setup(session), texts=True)
