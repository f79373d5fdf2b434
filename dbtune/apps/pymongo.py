"""PyMongo: ``MongoClient``."""

from __future__ import annotations

from dbtune.apps.pool import IDLE_SECONDS, AppPool
from dbtune.snippet import Line, Snippet, block, heading, keyword, milliseconds

DOCUMENT = "https://www.mongodb.com/docs/languages/python/pymongo-driver/current/connect/connection-options/connection-pools/"


def lines(pool: AppPool) -> tuple[Line, ...]:
    """The options that all of MongoDB's drivers have under these names."""
    return (
        Line(
            "maxPoolSize",
            str(pool.largest),
            "Most connections of this client to each member of the replica set, or each mongos;"
            " two more watch each member.",
            "100",
        ),
        Line("minPoolSize", str(pool.smallest), "Stay open.", "0"),
        Line(
            "maxConnecting",
            "2",
            "Opened at the same time: a rush does not become a storm of logins.",
            "2",
        ),
        Line(
            "waitQueueTimeoutMS",
            milliseconds(pool.acquire_seconds),
            "Milliseconds that a request waits for a connection, less than it may take itself. For"
            " drivers that don't know timeoutMS: where they do, that ends this wait as well.",
            "none (for ever)",
        ),
        Line(
            "maxIdleTimeMS",
            milliseconds(IDLE_SECONDS),
            "Milliseconds. Closed before a firewall forgets a silent connection.",
            "none (for ever)",
        ),
        Line(
            "connectTimeoutMS",
            milliseconds(pool.connect_seconds),
            "Milliseconds. A member that does not answer is given up in time.",
            "20000 (PyMongo), 10000 or 30000 elsewhere",
        ),
        Line(
            "serverSelectionTimeoutMS",
            milliseconds(max(1, pool.request_seconds / 2)),
            "Milliseconds to wait for a primary: an election takes up to 12 s, and the request"
            " must still be able to answer.",
            "30000",
        ),
        Line(
            "timeoutMS",
            milliseconds(pool.request_seconds),
            "Milliseconds for an operation with all its retries, as long as a request may take; the"
            " server ends it as well (maxTimeMS).",
            "none (for ever)",
        ),
        Line("retryWrites", "true", "One retry after a failover.", "true"),
        Line(
            "w",
            "majority",
            "A write that was answered survives a failover.",
            "majority since MongoDB 5.0",
        ),
    )


def snippet(pool: AppPool) -> Snippet:
    """A client."""
    settings = tuple(
        line._replace(value={"true": "True", "majority": '"majority"'}.get(line.value, line.value))
        for line in lines(pool)
    )
    text = f"""{heading("Needs PyMongo 4.2 or later; AsyncMongoClient takes the same.")}
import os

from pymongo import MongoClient

# One client for each process, made after any fork.
client = MongoClient(
    os.environ["MONGODB_URI"],
{block(settings, keyword, margin=" " * 4)}
)
"""
    return Snippet("database.py", "python", text, settings, DOCUMENT, NOTES)


NOTES = (
    "compressors=zstd,zlib,snappy saves traffic between zones for a little CPU time: worth it where"
    " documents are large or traffic is paid for",
)
