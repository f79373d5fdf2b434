"""Prisma 7: the driver adapter of PrismaClient."""

from __future__ import annotations

from dbtune.apps import node_pg
from dbtune.apps.pool import AppPool
from dbtune.snippet import Snippet, block, heading, member, number

DOCUMENT = "https://www.prisma.io/docs/orm/overview/databases/postgresql#driver-adapters"


def snippet(pool: AppPool) -> Snippet:
    """A module that exports the client."""
    settings = node_pg.lines(pool)
    text = f"""{heading("Needs Prisma 7 and @prisma/adapter-pg, whose pool is that of pg.", "//")}
import {{ PrismaPg }} from '@prisma/adapter-pg'
import {{ PrismaClient }} from './generated/prisma/client'

const adapter = new PrismaPg({{
  // postgresql://user@host/database; the password from PGPASSWORD or ~/.pgpass
  connectionString: process.env.DATABASE_URL,
{block(settings, member, margin="  ", mark="//")}
}})

// One for each process: each has a pool of its own.
export const prisma = new PrismaClient({{ adapter }})
"""
    query = f"connection_limit={pool.largest}&pool_timeout={number(round(pool.acquire_seconds))}"
    query += f"&connect_timeout={pool.connect_seconds}"
    if not pool.prepares:
        query += "&pgbouncer=true"
    notes = [f"Prisma 6 and earlier have these in the URL: ?{query}"]
    if pool.pooler:
        notes.append(
            "prisma migrate needs the server itself: name it in datasource.url of prisma.config.ts"
            " (directUrl before 7), not PgBouncer"
        )
    return Snippet("prisma.ts", "typescript", text, settings, DOCUMENT, tuple(notes))
