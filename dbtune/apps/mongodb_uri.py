"""MongoDB's connection string, for every driver."""

from __future__ import annotations

from dbtune.apps import pymongo
from dbtune.apps.pool import AppPool
from dbtune.snippet import Snippet, block, heading

DOCUMENT = "https://www.mongodb.com/docs/manual/reference/connection-string-options/"


def snippet(pool: AppPool) -> Snippet:
    """Environment files: the options of a URI, each explained, and the URI."""
    settings = pymongo.lines(pool)
    options = "&".join(f"{line.name}={line.value}" for line in settings)
    text = f"""{heading("For the program's environment. User and password go in when it starts.")}
{block(settings, lambda line: f"#   {line.name}={line.value}")}
MONGODB_URI='mongodb://localhost/?{options}'
"""
    return Snippet(
        "mongodb.env",
        "sh",
        text,
        settings,
        DOCUMENT,
        (
            "timeoutMS is known to PyMongo 4.2, Node.js 6.6, Go 2, C# 3.5, Java 5.2 and later;"
            " older drivers ignore it with a warning: give them socketTimeoutMS",
            *pymongo.NOTES,
        ),
    )
