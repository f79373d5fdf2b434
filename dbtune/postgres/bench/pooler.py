"""A real PgBouncer of our own before a server: private, in a temporary folder, gone at the end.

It has a pool of each size beside each other: the databases ``size_4``, ``size_8`` ... all lead to
the target. Nobody but us reaches it: it listens on a Unix socket in a folder that only its owner
can enter. The server's password stands in a file there until the end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import psycopg

from dbtune.errors import TargetError, UsageError
from dbtune.postgres.connect import connect
from dbtune.postgres.embedded import server as embedded
from dbtune.postgres.pgbouncer.pooler import single_quoted
from dbtune.profile import Profile
from dbtune.session import Limits
from dbtune.text import CONTROL, plain

PORT = 6432
"""Names the socket in our folder; nothing listens on it."""
_USER = "dbtune"
_ELSEWHERE = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin", "/usr/bin")
_START_SECONDS = 20.0
_DISK_BYTES = 20 * 1024**2
_TLS = {
    "sslrootcert": "server_tls_ca_file",
    "sslcert": "server_tls_cert_file",
    "sslkey": "server_tls_key_file",
}


def find_pgbouncer() -> str:
    """The program.

    Raises:
        UsageError: there is none.
    """
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_ELSEWHERE))
    found = shutil.which("pgbouncer", path=path)
    if found is None:
        raise UsageError(
            "this needs PgBouncer, which is not installed here: apt install pgbouncer, "
            "dnf install pgbouncer or brew install pgbouncer"
        )
    return found


class PrivatePgBouncer:
    """A running PgBouncer with a pool of each size; a context manager.

    Attributes:
        folder: where its socket is: libpq's host.
    """

    def __init__(
        self,
        profile: Profile,
        limits: Limits,
        sizes: Sequence[int],
        clients: int,
        settings: Sequence[tuple[str, str]],
    ) -> None:
        """
        Args:
            profile: the target.
            limits: for connections to be made.
            sizes: of the pools.
            clients: most clients at once.
            settings: parameters that each server connection sets for itself.

        Raises:
            UsageError: PgBouncer is missing, or can't be told how to reach the target.
            TargetError: the target can't be reached.
        """
        self._program = find_pgbouncer()
        self._account = embedded.account()
        self._ini = _ini(profile, limits, sizes, clients, settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[str] | None = None
        self.folder = Path()

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            TargetError: it did not start.
        """
        self.folder = embedded.new_folder(_DISK_BYTES, bool(self._account))
        try:
            self._watchdog = embedded.watch(self.folder)
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._watchdog is None or self._watchdog.stdin is None:
            return
        self._watchdog.stdin.close()  # it ends PgBouncer and removes the folder, as when we die
        if self._process is not None:
            self._process.wait()
        self._watchdog.wait()
        self._process = self._watchdog = None

    def keywords(self, size: int) -> dict[str, Any]:
        """libpq's keywords for the pool of a size."""
        return {
            "host": str(self.folder),
            "port": PORT,
            "user": _USER,
            "dbname": f"size_{size}",
            **embedded.OURS,
        }

    def empty(self, size: int) -> None:
        """Close the pool's server connections: the next size gets them all."""
        for command in ("KILL", "RESUME"):
            try:
                self._admin(f"{command} size_{size}")
            except psycopg.Error as error:
                raise TargetError(f"PgBouncer refused {command}: {plain(str(error))}") from None

    def cpu_seconds(self) -> float | None:
        """CPU time that PgBouncer has used, or ``None`` where this system does not tell."""
        if self._process is None:
            return None
        try:
            text = Path(f"/proc/{self._process.pid}/stat").read_text()
        except OSError:
            return None
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / float(os.sysconf("SC_CLK_TCK"))

    def check(self, size: int) -> None:
        """Make sure that it gets through to the server.

        Raises:
            TargetError: it does not.
        """
        try:
            with psycopg.connect(**self.keywords(size), connect_timeout=20) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error as error:
            message = plain(str(error).strip().split("\n")[0])
            raise TargetError(
                f"PgBouncer does not get through to the server: {message}. It logs in from this "
                "machine with the profile's user and password: pg_hba.conf has to let it"
            ) from None

    # ---------------------------------------------------------------------------------- how it runs

    def _start(self) -> None:
        own = self.folder / "pgbouncer.ini"
        text = self._ini + "".join(
            f"{key} = {value}\n"
            for key, value in {
                "unix_socket_dir": self.folder,
                "logfile": self.folder / "log",
                "pidfile": self.folder / "pgbouncer.pid",
            }.items()
        )
        with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        if self._account:
            for path in (self.folder, own):
                os.chown(path, self._account["user"], self._account["group"])
        self._process = subprocess.Popen(
            [self._program, "-q", own],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            env=embedded.environment(),
            start_new_session=True,  # or Ctrl-C would reach it, too
            **self._account,
        )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self._admin("SHOW VERSION")
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return
        raise TargetError(f"PgBouncer did not start: {self._log()}")

    def _admin(self, command: str) -> None:
        keywords = self.keywords(0) | {"dbname": "pgbouncer"}
        with psycopg.connect(**keywords, autocommit=True, connect_timeout=5) as connection:
            connection.execute(command.encode())

    def _log(self) -> str:
        try:
            lines = (self.folder / "log").read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return plain(" ".join(lines[-3:])) or "it said nothing"


def _ini(
    profile: Profile,
    limits: Limits,
    sizes: Sequence[int],
    clients: int,
    settings: Sequence[tuple[str, str]],
) -> str:
    """Its configuration: how libpq reached the target is how PgBouncer does."""
    with connect(profile, limits) as connection:
        info = connection.info
        given = info.get_parameters()
        server = {
            "host": info.host,
            "port": str(info.port),
            "dbname": info.dbname,
            "user": info.user,
            "password": info.password,
        }
        tls = connection.pgconn.ssl_in_use
    server["connect_query"] = "SELECT " + ", ".join(
        f"pg_catalog.set_config({single_quoted(name)}, {single_quoted(value)}, false)"
        for name, value in settings
    )
    words = [f"{key}={single_quoted(value)}" for key, value in server.items() if value]
    if any(CONTROL.search(word) for word in words):
        raise UsageError("PgBouncer's file can't hold a name or password with control characters")
    lines = ["[databases]"]
    lines += [f"size_{size} = {' '.join(words)} pool_size={size}" for size in sizes]
    verified = given.get("sslmode") if given.get("sslmode", "").startswith("verify") else "require"
    options: dict[str, object] = {
        "listen_addr": "",
        "listen_port": PORT,
        "unix_socket_mode": "0700",
        "auth_type": "any",
        "admin_users": _USER,  # to close a pool's connections
        "pool_mode": "transaction",
        "max_client_conn": clients + 20,
        "max_db_connections": 0,
        "reserve_pool_size": 0,
        "query_wait_timeout": 0,
        "server_login_retry": 1,
        "ignore_startup_parameters": "extra_float_digits",
        "log_connections": 0,
        "log_disconnections": 0,
        "server_tls_sslmode": verified if tls else "disable",
    }
    if tls:
        options |= {_TLS[key]: given[key] for key in _TLS if given.get(key)}
    lines += ["", "[pgbouncer]", *(f"{key} = {value}" for key, value in options.items()), ""]
    return "\n".join(lines)
