"""Facts of a PgBouncer, read from its admin console."""
