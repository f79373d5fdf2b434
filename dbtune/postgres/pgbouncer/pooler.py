"""What a pool plan doesn't tell about a PgBouncer: databases, addresses, versions, names.

PgBouncer's file has no escapes: a value reaches to the end of its line, a key can't be quoted
before 1.25 (whatever the documentation says), and only values inside a connection string can. So
every name is validated before it is written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from dbtune.errors import UsageError
from dbtune.pooling.timeouts import Timeouts
from dbtune.text import CONTROL, plain

Version = tuple[int, int]

OLDEST: Version = (1, 18)
"""The oldest PgBouncer that these files are for: Debian 12's, of 2022."""
HAS_AUTH_DBNAME: Version = (1, 19)
HAS_PREPARED_STATEMENTS: Version = (1, 21)
HAS_USER_TIMEOUT: Version = (1, 24)
HAS_QUOTED_KEYS: Version = (1, 25)

AUTH_ENTRY = "pgbouncer_auth_lookup"
"""Database entry in which passwords are looked up, where that is apart from the others."""

_LOOPBACK = ("::1", "localhost")
_MOST_NAME_BYTES = 63
_MOST_PATH_BYTES = 255
_MOST_SHARE = 1_000_000.0
_MOST_APART = 1000
_TLS_CLIENTS = ("tls_cert_file", "tls_key_file")
_TLS_SERVERS = ("server_cert_file", "server_key_file")


class Form(StrEnum):
    """What runs PgBouncer."""

    files = "files"
    """Whatever is there already: only PgBouncer's own files."""
    systemd = "systemd"
    docker = "docker"


@dataclass(frozen=True, slots=True)
class Database:
    """A database behind PgBouncer.

    Attributes:
        name: what clients call it.
        host: the PostgreSQL server: a name, an address or a socket folder.
        port: of the PostgreSQL server.
        dbname: its name there; "" if it is the same.
        share: its part of the load, in proportion to the others'.
        replicas: hosts of standbys that answer reads, at the same port.
    """

    name: str
    host: str = "127.0.0.1"
    port: int = 5432
    dbname: str = ""
    share: float = 1.0
    replicas: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name, "database name")
        if self.name == "pgbouncer":
            raise UsageError("the database name 'pgbouncer' is PgBouncer's admin console")
        if not 0 < self.share <= _MOST_SHARE:
            raise UsageError(f"the share of {plain(self.name)!r} is a number above 0, as 3")
        if self.dbname:
            check_name(self.dbname, "database name")
        for host in (self.host, *self.replicas):
            check_name(host, "host", _MOST_PATH_BYTES)
        if "," in self.host:
            raise UsageError(
                f"host {plain(self.host)!r}: one host, because sizes are for one; --replica names"
                " those that answer reads"
            )
        if any("," in host for host in self.replicas) or len({*self.replicas}) < len(self.replicas):
            raise UsageError(f"the replicas of {plain(self.name)!r} are different hosts, each once")
        if self.host in self.replicas:
            raise UsageError(f"{plain(self.host)!r} is the primary of {plain(self.name)!r}")
        _check_port(self.port)

    @property
    def server_name(self) -> str:
        """The database's name on the server."""
        return self.dbname or self.name

    @property
    def is_local(self) -> bool:
        """Whether the server is on PgBouncer's machine, and its replicas, too."""
        hosts = (self.host, *self.replicas)
        return all(host.startswith(("/", "127.")) or host in _LOOPBACK for host in hosts)


def connection(hosts: tuple[str, ...], port: int, dbname: str) -> str:
    """A connection string: right of the equals sign."""
    parts = {"host": ",".join(hosts), "port": str(port), "dbname": dbname}
    return " ".join(f"{key}={_value(value)}" for key, value in parts.items())


def key(name: str, version: Version | None) -> str:
    """A database's or user's name left of the equals sign.

    Raises:
        UsageError: this version of PgBouncer cannot have such a name there.
    """
    if re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        return name
    if version is not None and version >= HAS_QUOTED_KEYS and "'" not in name:
        return f"'{name}'"
    which = "PgBouncer" if version is None else f"PgBouncer {version_text(version)}"
    raise UsageError(
        f"{which} can't have the name {plain(name)!r} in its file; let clients ask for a"
        " plain name that stands for that database"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooler:
    """A PgBouncer.

    Attributes:
        databases: at least one.
        version: of PgBouncer; ``None`` writes what every version since 1.18 understands.
        listen_addr: where clients come in; ``*`` for everywhere.
        listen_port: likewise.
        auth_user: role that looks up passwords.
        auth_schema: schema of the function that does it.
        request_seconds: the application's own time limit for a request.
        read_share: part of each load that goes to replicas, where there are some.
        admin: session connections of each database for migrations, dumps and people; 0 for none.
        reports: session connections of each database for reports; 0 for none.
        report_seconds: time limit of a report.
        report_users: roles that run reports.
        tls_cert_file, tls_key_file: what PgBouncer shows to clients; "" leaves them unencrypted.
        client_ca_file: clients need a certificate of this authority, too; or "".
        server_ca_file: certificate authority of the PostgreSQL servers, for verify-full; or "".
        server_cert_file, server_key_file: what PgBouncer shows to servers; or "".
        form: what runs it.
        config_dir: where the files will lie.
        socket_dir: where PgBouncer puts its socket, and its PID file.
        log_file: where it writes its log.
        stats_users: roles that may run SHOW commands.
    """

    databases: tuple[Database, ...]
    version: Version | None = None
    listen_addr: str = "127.0.0.1"
    listen_port: int = 6432
    auth_user: str = "pgbouncer_auth"
    auth_schema: str = "pgbouncer"
    request_seconds: float = 30.0
    read_share: float = 0.5
    admin: int = 0
    reports: int = 0
    report_seconds: float = 600.0
    report_users: tuple[str, ...] = ()
    tls_cert_file: str = ""
    tls_key_file: str = ""
    client_ca_file: str = ""
    server_ca_file: str = ""
    server_cert_file: str = ""
    server_key_file: str = ""
    form: Form = Form.files
    config_dir: str = "/etc/pgbouncer"
    socket_dir: str = "/var/run/postgresql"
    log_file: str = "/var/log/postgresql/pgbouncer.log"
    stats_users: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.databases:
            raise UsageError("name at least one database")
        names = [database.name for database in self.databases]
        if twice := {name for name in names if names.count(name) > 1}:
            raise UsageError(f"database {plain(min(twice))!r} is named twice")
        if self.version is not None and self.version < OLDEST:
            raise UsageError(f"PgBouncer {version_text(OLDEST)}, of 2022, is the oldest supported")
        _check_port(self.listen_port)
        if not 1 <= self.request_seconds <= 86_400:
            raise UsageError("the application's time limit must be between 1 s and 1 day")
        for database in self.databases:
            key(database.name, self.version)
            if database.name == AUTH_ENTRY:
                raise UsageError(
                    f"the database name {AUTH_ENTRY} is taken for looking up passwords"
                )
        if not 0 < self.read_share <= 1:
            raise UsageError("the share of reads is above 0 and at most 1, as 50%")
        if not all(0 <= number <= _MOST_APART for number in (self.admin, self.reports)):
            raise UsageError(f"pools apart have 0 to {_MOST_APART} connections")
        if not 1 <= self.report_seconds <= 604_800:
            raise UsageError("the time limit of a report must be between 1 s and 7 days")
        if self.report_users and not self.reports:
            raise UsageError("roles for reports need a pool for reports: --reports 3")
        self._check_files()
        for role in (self.auth_user, self.auth_schema, *self.stats_users, *self.report_users):
            check_name(role, "name")
            # Lists of users are split at commas, userlist.txt is made of double quotes, and the
            # SQL quotes a block in dollars.
            if re.search(r"[,\"$]", role):
                raise UsageError(
                    f"the name {plain(role)!r} has a comma, a double quote or a dollar"
                )

    def _check_files(self) -> None:
        for what in ("listen_addr", "config_dir", "socket_dir", "log_file"):
            check_name(getattr(self, what), what, _MOST_PATH_BYTES)
        for what in (*_TLS_CLIENTS, "client_ca_file", "server_ca_file", *_TLS_SERVERS):
            if getattr(self, what):
                check_name(getattr(self, what), what, _MOST_PATH_BYTES)
        for cert, private in (_TLS_CLIENTS, _TLS_SERVERS):
            if bool(getattr(self, cert)) != bool(getattr(self, private)):
                raise UsageError("a certificate needs its key, and a key its certificate")
        if self.client_ca_file and not self.tls_cert_file:
            raise UsageError("clients' certificates need PgBouncer's own: --tls-cert and --tls-key")

    @property
    def shares_auth(self) -> bool:
        """Whether one database can be asked for the passwords of all: one server, since 1.19."""
        servers = {(database.host, database.port) for database in self.databases}
        return self.version is not None and self.version >= HAS_AUTH_DBNAME and len(servers) == 1

    @property
    def timeouts(self) -> Timeouts:
        """The ladder of timeouts below the application's own."""
        return Timeouts(self.request_seconds)


def parse_version(text: str) -> Version:
    """``1.25.2`` or ``1.25`` as (1, 25).

    Raises:
        UsageError: it is no version.
    """
    match = re.fullmatch(r"\s*(\d{1,2})\.(\d{1,3})(\.\d{1,3})?\s*", text)
    if match is None:
        raise UsageError(f"{plain(text)!r} is no version of PgBouncer; write for example 1.25")
    return int(match[1]), int(match[2])


def version_text(version: Version) -> str:
    """(1, 25) as ``1.25``."""
    return ".".join(map(str, version))


def sql_identifier(name: str) -> str:
    """A name in SQL: always quoted, so that case and reserved words don't matter."""
    return '"' + name.replace('"', '""') + '"'


def single_quoted(text: str) -> str:
    """Text in single quotes, which double inside: SQL's and the connection string's way."""
    return "'" + text.replace("'", "''") + "'"


def _value(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_./:,-]+", text) else single_quoted(text)


def check_name(text: str, what: str, most_bytes: int = _MOST_NAME_BYTES) -> None:
    """Refuse what no line of the file can hold.

    Raises:
        UsageError: it is empty, too long, or would not be read back as it is.
    """
    if not 1 <= len(text.encode()) <= most_bytes:
        raise UsageError(f"{what} {plain(text)[:80]!r} must have 1 to {most_bytes} bytes")
    if CONTROL.search(text):
        raise UsageError(f"{what} {plain(text)!r} has control characters")
    if text != text.strip():
        raise UsageError(f"{what} {plain(text)!r} starts or ends with a blank")


def _check_port(port: int) -> None:
    if not 1 <= port <= 65_535:
        raise UsageError(f"a port is between 1 and 65535, not {port}")
