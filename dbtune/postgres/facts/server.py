"""What kind of server it is, and what the role may read."""

from __future__ import annotations

from dbtune.facts import Fact
from dbtune.postgres.server import read_server

server = Fact("server", read_server)
