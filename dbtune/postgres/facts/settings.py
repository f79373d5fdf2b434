"""Every setting of the server, as pg_settings has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dbtune.facts import fact
from dbtune.postgres.session import Session


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Attributes:
        value: in the setting's unit.
        unit: ``kB``, ``8kB``, ``ms`` ..., or "".
        source: ``default``, ``configuration file``, ``database`` ...
        boot_value: what it is when nobody sets it.
        pending_restart: whether the file says something else that waits for a restart.
        kind: ``bool``, ``integer``, ``real``, ``enum``, ``string``; "" in older snapshots.
        file: where it is set, if in a file that this role may know of.
        enums: words that this build takes.
    """

    value: str
    unit: str = ""
    source: str = "default"
    boot_value: str = ""
    pending_restart: bool = False
    kind: str = ""
    file: str = ""
    enums: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings that the role may see.

    Attributes:
        by_name: all of them.
        complete: whether the role sees those that only superusers may see.
    """

    by_name: Mapping[str, Setting]
    complete: bool = True

    def get(self, name: str) -> str:
        """A value, or "" if the server lacks it or hides it."""
        found = self.by_name.get(name)
        return found.value if found else ""

    def is_on(self, name: str) -> bool:
        """Whether a switch is on."""
        return self.get(name) == "on"

    def number(self, name: str) -> float | None:
        """A number in the setting's unit; ``None`` if there is none."""
        try:
            return float(self.get(name))
        except ValueError:
            return None

    def size(self, name: str) -> int | None:
        """A size in bytes."""
        number, setting = self.number(name), self.by_name.get(name)
        if number is None or setting is None or number < 0:
            return None
        units = {"B": 1, "kB": 1024, "8kB": 8192, "16kB": 16384, "32kB": 32768, "MB": 1024**2}
        unit = units.get(setting.unit)
        return None if unit is None else round(number * unit)


@fact("settings")
def settings(session: Session) -> Settings:
    """Least privilege: pg_read_all_settings for those that are hidden from others."""
    rows = session.fact("settings")
    found = {
        row.pop("name"): Setting(**{**row, "enums": tuple(row["enums"] or ())}) for row in rows
    }
    return Settings(found, complete="shared_preload_libraries" in found)
