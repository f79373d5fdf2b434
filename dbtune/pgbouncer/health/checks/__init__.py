"""Checks on a PgBouncer, one a file; the file is the registration."""
