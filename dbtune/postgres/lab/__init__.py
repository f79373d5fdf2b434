"""The planner lab: a private PostgreSQL 18 with the target's schema and statistics, but no rows."""
