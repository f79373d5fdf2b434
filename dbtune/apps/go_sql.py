"""Go's ``database/sql`` with pgx's driver."""

from __future__ import annotations

from dbtune.apps.pool import IDLE_SECONDS, LIFETIME_SECONDS, AppPool
from dbtune.snippet import Line, Snippet, block, heading

DOCUMENT = "https://go.dev/doc/database/manage-connections"
UNPREPARED = Line(
    "DefaultQueryExecMode",
    "pgx.QueryExecModeExec",
    "Nothing stays prepared: behind this pooler the next transaction may meet another connection.",
    "pgx.QueryExecModeCacheStatement",
)


def snippet(pool: AppPool) -> Snippet:
    """A function that opens the pool."""
    connection = (
        Line(
            "ConnectTimeout",
            f"{pool.connect_seconds} * time.Second",
            "A server that does not answer is given up in time.",
            "none",
        ),
        *(() if pool.prepares else (UNPREPARED,)),
    )
    sizes = (
        Line("SetMaxOpenConns", str(pool.largest), "Most connections of this process.", "no limit"),
        Line(
            "SetMaxIdleConns",
            str(pool.largest),
            "As many as may be open: with fewer they would be closed and opened all the time.",
            "2",
        ),
        Line(
            "SetConnMaxLifetime",
            f"{LIFETIME_SECONDS} * time.Second",
            "Shorter than what servers, poolers and firewalls put an end to.",
            "for ever",
        ),
        Line(
            "SetConnMaxIdleTime",
            f"{IDLE_SECONDS} * time.Second",
            "Closed before a firewall forgets a silent connection.",
            "for ever",
        ),
    )
    config = block(
        connection, lambda one: f"config.{one.name} = {one.value}", margin="\t", mark="//"
    )
    calls = block(sizes, lambda one: f"db.{one.name}({one.value})", margin="\t", mark="//")
    text = f"""{heading("Needs github.com/jackc/pgx/v5.", "//")}
package database

import (
	"database/sql"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// AcquireTimeout is for the context of each query: database/sql itself waits for ever.
const AcquireTimeout = {round(pool.acquire_seconds * 1000)} * time.Millisecond

// Open makes the pool. The password comes from PGPASSWORD or ~/.pgpass.
func Open() (*sql.DB, error) {{
	config, err := pgx.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {{
		return nil, err
	}}
{config}
	db := stdlib.OpenDB(*config)
{calls}
	return db, nil
}}
"""
    return Snippet(
        "database.go",
        "go",
        text,
        (*connection, *sizes),
        DOCUMENT,
        ("export db.Stats(): WaitCount and WaitDuration tell whether the size is right",),
    )
