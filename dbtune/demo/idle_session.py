"""A session that begins a transaction and goes away: run by the demo as a program.

It returns when the transaction is open and leaves a process behind that ends with the server.
"""

from __future__ import annotations

import os
import select
import sys

import psycopg


def main() -> None:
    """Open a transaction on the URL in the first argument, as the application in the second."""
    connection = psycopg.connect(sys.argv[1], application_name=sys.argv[2])
    # Neither a write nor a snapshot: it must not keep vacuum from cleaning the other tables.
    connection.execute("SELECT count(*) FROM categories")
    if os.fork():
        os._exit(0)  # without closing the connection, which the child holds
    os.setsid()
    select.select([connection.fileno()], [], [])  # readable when the server ends


if __name__ == "__main__":
    main()
