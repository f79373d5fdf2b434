"""PgBouncer, by its admin console: facts, health, and the demand that its pools meet."""
