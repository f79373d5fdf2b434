"""What kind of PostgreSQL server a session is on, and what its role may read there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from dbtune.errors import TargetError, Unavailable
from dbtune.postgres.session import Session
from dbtune.profile import redact_url

MONITOR_ROLES = ("pg_monitor", "pg_read_all_stats", "pg_read_all_settings", "pg_read_all_data")
"""Predefined roles that widen what dbtune can read; pg_monitor includes the next two."""

# Prefixes of settings that only this service has. Aurora has RDS's too, AlloyDB Cloud SQL's.
_PROVIDER_SETTINGS = {
    "aurora": ("apg_plan_mgmt", "aurora", "aurora_stat_utils"),
    "rds": ("rds",),
    "alloydb": ("alloydb", "google_columnar_engine"),
    "cloudsql": ("cloudsql",),
    "azure": ("azure",),
    "neon": ("neon",),
    "aiven": ("aiven",),
}
_PROVIDER_ROLES = {
    "alloydbsuperuser": "alloydb",
    "rds_superuser": "rds",
    "cloudsqlsuperuser": "cloudsql",
    "azure_pg_admin": "azure",
    "neon_superuser": "neon",
    "supabase_admin": "supabase",
    "avnadmin": "aiven",
    "doadmin": "digitalocean",
    "tsdbadmin": "timescale",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL server as one role sees it from one database.

    Attributes:
        version: ``server_version_num``, for example 150018.
        version_text: for people: ``PostgreSQL 15.18``.
        user: the role whose privileges count (``current_user``).
        is_superuser: whether it is one.
        memberships: predefined roles (``pg_monitor``, ...) whose privileges it has.
        database: the database that the session is in.
        encoding: that database's encoding.
        is_standby: whether the server replays another one's WAL.
        pooled: whether a pooler stands between: the process told at login is not the backend.
        tls: whether this session is encrypted, as far as the server or the pooler in between.
        tls_version: ``TLSv1.3``; "" without TLS, and behind a pooler, whose own TLS SQL can't see.
        tls_cipher: likewise.
        extensions: name and version of the extensions in this database.
        preload_libraries: ``shared_preload_libraries``; ``None`` if this role may not see it.
        provider: managed service: ``rds``, ``aurora``, ``cloudsql``, ``alloydb``, ``azure``,
            ``neon``, ``supabase``, ``heroku``, ...; "" if none was recognised.
        started_at: when the server was started.
        now: the server's clock.
    """

    version: int
    version_text: str
    user: str
    is_superuser: bool
    memberships: frozenset[str]
    database: str
    encoding: str
    is_standby: bool
    pooled: bool
    tls: bool
    tls_version: str
    tls_cipher: str
    extensions: Mapping[str, str]
    preload_libraries: tuple[str, ...] | None
    provider: str
    started_at: datetime
    now: datetime

    def may(self, role: str) -> bool:
        """Whether the session has the privileges of a predefined role."""
        return self.is_superuser or role in self.memberships


def read_server(session: Session) -> Server:
    """Read what kind of server this is: one statement, no privilege needed.

    Raises:
        TargetError: the server does not answer even that.
    """
    try:
        row = session.fact("server")[0]
    except Unavailable as missing:
        raise TargetError(f"{session.profile.name} gives no information: {missing}") from None
    libraries = row["preload_libraries"]
    pooled = row["backend_pid"] != session.login_pid
    return Server(
        version=row["version"],
        version_text=_version_text(row["version_text"], row["server_version"]),
        user=row["user"],
        is_superuser=bool(row["is_superuser"]),
        memberships=frozenset(row["memberships"]),
        database=row["database"],
        encoding=row["encoding"],
        is_standby=row["is_standby"],
        pooled=pooled,
        tls=session.tls,
        tls_version="" if pooled else row["tls_version"] or "",
        tls_cipher="" if pooled else row["tls_cipher"] or "",
        extensions=row["extensions"] or {},
        preload_libraries=None if libraries is None else _split(libraries),
        provider=session.profile.provider
        or provider_of(
            row["setting_prefixes"], row["provider_roles"], heroku=row["has_heroku_schema"]
        ),
        started_at=row["started_at"],
        now=row["now"],
    )


def target(session: Session, server: Server) -> dict[str, object]:
    """A report's description of the target, without secrets."""
    profile = session.profile
    return {
        "name": redact_url(profile.name),
        "engine": profile.engine.value,
        "server": server.version_text,
        "role": "standby" if server.is_standby else "primary",
        "database": server.database,
        "user": server.user,
        "address": session.address,
        "source": profile.source,
    }


def provider_of(
    setting_prefixes: Collection[str], roles: Collection[str], *, heroku: bool = False
) -> str:
    """The managed service that a server's settings or roles give away; "" if none does.

    Args:
        setting_prefixes: what stands before the dot in names of settings.
        roles: names of roles.
        heroku: whether there is a schema ``heroku_ext``.
    """
    for provider, prefixes in _PROVIDER_SETTINGS.items():
        if any(prefix in setting_prefixes for prefix in prefixes):
            return provider
    if heroku:
        return "heroku"
    return next((name for role, name in _PROVIDER_ROLES.items() if role in roles), "")


def _split(libraries: str) -> tuple[str, ...]:
    names = (name.strip().strip('"') for name in libraries.split(","))
    return tuple(name for name in names if name)


def _version_text(version: str, server_version: str) -> str:
    """``PostgreSQL 15.18``; what is not PostgreSQL but speaks its protocol keeps its own name."""
    product = version.split(" ")[0] or "PostgreSQL"
    return f"{product} {server_version.split(' ')[0]}"
