"""What a running server says about its own configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbtune.errors import Unavailable
from dbtune.finding import Skipped
from dbtune.postgres.config.guc import Value, read_setting

if TYPE_CHECKING:
    from dbtune.facts import Snapshot
    from dbtune.postgres.facts.settings import Setting
    from dbtune.postgres.server import Server
    from dbtune.postgres.session import Session

_SETTINGS = """
    SELECT name, COALESCE(reset_val, setting) AS setting, unit, vartype, context, enumvals,
           CASE WHEN source <> 'session' THEN source
                WHEN reset_val IS NOT DISTINCT FROM boot_val THEN 'default'
                ELSE 'configuration file' END AS source,
           sourcefile, pending_restart
    FROM pg_catalog.pg_settings
"""
_BUILD = """
    SELECT pg_catalog.version() AS version, pg_catalog.pg_backend_pid() AS process,
           ARRAY(SELECT name::text FROM pg_catalog.pg_available_extensions) AS extensions
"""


@dataclass(frozen=True, slots=True)
class Current:
    """A setting as the server has it.

    Attributes:
        value: in bytes, milliseconds or as it is.
        source: who set it: ``default``, ``configuration file``, ``command line``, ``database``...
        file: the file it stands in, where the role may see that.
        pending_restart: whether the file already says something else that waits for a restart.
        enums: words that this build takes.
    """

    value: Value
    source: str = "configuration file"
    file: str = ""
    pending_restart: bool = False
    enums: tuple[str, ...] = ()

    @property
    def by_alter_system(self) -> bool:
        """Whether ALTER SYSTEM set it, which beats any line of a configuration file."""
        return self.file.endswith("postgresql.auto.conf")

    @property
    def chosen(self) -> bool:
        """Whether somebody set it; else it is the default, or what the server made of that."""
        return self.source not in ("default", "override")

    @property
    def setter(self) -> str:
        """Who set it, for people."""
        return "ALTER SYSTEM" if self.by_alter_system else self.source


@dataclass(frozen=True, slots=True)
class Running:
    """A running server's configuration.

    Attributes:
        major: major version.
        settings: by name; what the role may not see is missing.
        extensions: what can be installed; ``None`` if that could not be read.
        system: ``linux``, ``macos`` or ``windows``.
        standby: whether it replays another server's log.
        provider: managed service it runs at, or "".
        process: number of the server process that answered, in the server's own counting.
        skipped: what could not be read.
    """

    major: int
    settings: Mapping[str, Current]
    extensions: frozenset[str] | None = None
    system: str = "linux"
    standby: bool = False
    provider: str = ""
    process: int = 0
    skipped: tuple[Skipped, ...] = field(default=())

    def value(self, name: str) -> Value | None:
        """The current value, or ``None`` if the server lacks it or hides it."""
        current = self.settings.get(name)
        return None if current is None else current.value


def read_running(session: Session, server: Server) -> Running:
    """Read a server's configuration.

    Raises:
        Unavailable: not even ``pg_settings`` can be read.
        TargetError: the connection broke.
    """
    settings = {row["name"]: _current(row) for row in session.rows(_SETTINGS)}
    skipped: list[Skipped] = []
    build: Mapping[str, Any] = {}
    try:
        build = session.rows(_BUILD)[0]
    except Unavailable as error:
        skipped.append(Skipped("available extensions", error.reason, error.remedy))
    if "shared_preload_libraries" not in settings:
        skipped.append(
            Skipped(
                "shared_preload_libraries",
                "hidden from this role, so it is left as it is",
                "GRANT pg_monitor TO CURRENT_USER;",
            )
        )
    return Running(
        major=session.major,
        settings=settings,
        extensions=frozenset(build["extensions"]) if build else None,
        system=system_of(build.get("version", "")),
        standby=server.is_standby,
        provider=server.provider,
        process=build.get("process", 0),
        skipped=tuple(skipped),
    )


def saved_running(snapshot: Snapshot) -> Running:
    """The configuration that a snapshot holds.

    Raises:
        Unavailable: it has no settings.
    """
    from dbtune.postgres.config.guc import gucs
    from dbtune.postgres.facts.server import server as server_fact
    from dbtune.postgres.facts.settings import settings as settings_fact

    server, found = snapshot.of(server_fact), snapshot.of(settings_fact)
    major = server.version // 10_000
    kinds = {name: _VARTYPES.get(one.kind, one.kind) for name, one in gucs(major).items()}
    settings = {
        name: Current(
            value=read_setting(one.kind or kinds.get(name, "string"), one.value, one.unit),
            source=_beneath(one),
            file=one.file,
            pending_restart=one.pending_restart,
            # An older snapshot does not tell what the build takes: then what every build does.
            enums=one.enums or (gucs(major)[name].enums if name in kinds else ()),
        )
        for name, one in found.by_name.items()
    }
    return Running(
        major=major,
        settings=settings,
        system=system_of(server.version_text),
        standby=server.is_standby,
        provider=server.provider,
    )


def _beneath(setting: Setting) -> str:
    """Who set what a session begins with: dbtune's own session has limits of its own."""
    if setting.source != "session":
        return setting.source
    return "default" if setting.value == setting.boot_value else "configuration file"


_VARTYPES = {"int": "integer"}


def _current(row: Mapping[str, Any]) -> Current:
    return Current(
        value=read_setting(row["vartype"], row["setting"], row["unit"]),
        source=row["source"],
        file=row["sourcefile"] or "",
        pending_restart=row["pending_restart"],
        enums=tuple(row["enumvals"] or ()),
    )


def system_of(version: str) -> str:
    """The operating system that ``version()`` names."""
    if re.search(r"mingw|Visual C\+\+|msvc|windows", version, re.IGNORECASE):
        return "windows"
    return "macos" if re.search(r"darwin|apple", version) else "linux"
