"""Go: ``pgxpool`` of pgx 5."""

from __future__ import annotations

from dbtune.apps.go_sql import UNPREPARED
from dbtune.apps.pool import IDLE_SECONDS, LIFETIME_SECONDS, PROBE_SECONDS, AppPool
from dbtune.snippet import Line, Snippet, block, heading

DOCUMENT = "https://pkg.go.dev/github.com/jackc/pgx/v5/pgxpool#Config"


def snippet(pool: AppPool) -> Snippet:
    """A function that opens the pool."""
    sizes = (
        Line(
            "MaxConns", str(pool.largest), "Most connections of this process.", "CPUs, at least 4"
        ),
        Line("MinConns", str(pool.smallest), "Stay open.", "0"),
        Line(
            "MaxConnLifetime",
            f"{LIFETIME_SECONDS} * time.Second",
            "Shorter than what servers, poolers and firewalls put an end to.",
            "1 h",
        ),
        Line(
            "MaxConnLifetimeJitter",
            f"{LIFETIME_SECONDS // 10} * time.Second",
            "Connections that were opened together are not all renewed together.",
            "0",
        ),
        Line(
            "MaxConnIdleTime",
            f"{IDLE_SECONDS} * time.Second",
            "Closed before a firewall forgets a silent connection.",
            "30 min",
        ),
        Line(
            "HealthCheckPeriod",
            f"{PROBE_SECONDS} * time.Second",
            "How often the pool looks for connections to close or to open.",
            "1 min",
        ),
    )
    connection = (
        Line(
            "ConnConfig.ConnectTimeout",
            f"{pool.connect_seconds} * time.Second",
            "A server that does not answer is given up in time.",
            "2 min",
        ),
        *(() if pool.prepares else (UNPREPARED._replace(name=f"ConnConfig.{UNPREPARED.name}"),)),
    )
    lines = (*sizes, *connection)
    assignments = block(
        lines, lambda one: f"config.{one.name} = {one.value}", margin="\t", mark="//"
    )
    needed = "" if pool.prepares else '\t"github.com/jackc/pgx/v5"\n'
    text = f"""{heading("Needs github.com/jackc/pgx/v5.", "//")}
package database

import (
	"context"
	"os"
	"time"

{needed}	"github.com/jackc/pgx/v5/pgxpool"
)

// AcquireTimeout is for the context of each query: pgxpool itself waits for ever.
const AcquireTimeout = {round(pool.acquire_seconds * 1000)} * time.Millisecond

// Open makes the pool. The password comes from PGPASSWORD or ~/.pgpass.
func Open(ctx context.Context) (*pgxpool.Pool, error) {{
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {{
		return nil, err
	}}
{assignments}
	return pgxpool.NewWithConfig(ctx, config)
}}
"""
    notes = (
        "pool.Stat().EmptyAcquireCount and AcquireDuration tell whether the size is right",
        "pool_max_conns in a URL is pgxpool's alone: database/sql passes it to the server, which"
        " refuses it",
    )
    return Snippet("database.go", "go", text, lines, DOCUMENT, notes)
