"""How a server is set: its configuration file and command line, and parameters as they are now."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dbtune.errors import Unavailable
from dbtune.facts import fact
from dbtune.mongo.session import Session

_SECRET = re.compile(r"password|passphrase|secret|credential|token", re.IGNORECASE)
_REPLY = frozenset(("ok", "$clusterTime", "operationTime", "$configServerState", "$gleStats"))


@dataclass(frozen=True, slots=True)
class Settings:
    """Values as text, by name.

    Attributes:
        values: options by their dotted names in the configuration file, as in
            ``storage.wiredTiger.engineConfig.cacheSizeGB``, and parameters as in
            ``setParameter.cursorTimeoutMillis``; secrets are left out.
    """

    values: Mapping[str, str]


@fact("settings")
def settings(session: Session) -> Settings:
    """Least privilege: clusterMonitor."""
    given = session.command("admin", {"getCmdLineOpts": 1}).get("parsed", {})
    found = dict(dotted(given))
    try:
        told = session.command("admin", {"getParameter": "*"})
    except Unavailable:  # as a managed service has it: options are something, too
        told = {}
    now = {name: value for name, value in told.items() if name not in _REPLY}
    found |= {f"setParameter.{name}": _text(value) for name, value in now.items()}
    return Settings(
        {name: text for name, text in sorted(found.items()) if not _SECRET.search(name)}
    )


def dotted(options: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested options by dotted names; numbers as in the file."""
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from dotted(value, f"{prefix}{name}.")
        else:
            yield prefix + name, _text(value)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, default=str, sort_keys=True)
    return str(value)
