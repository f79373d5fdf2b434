"""dbtune for PostgreSQL."""

APP_NAME = "dbtune"
"""application_name of each session, so that dbtune can leave itself out of what it measures."""
TAG = "/* dbtune */"
"""Stands in every statement, for where the application is not told.

It stands behind the first word: PostgreSQL 18 drops comments before it from pg_stat_statements.
"""
_TAG_REACH = 40


def is_own(statement: str) -> bool:
    """Whether a statement is dbtune's."""
    return TAG in statement[:_TAG_REACH]
