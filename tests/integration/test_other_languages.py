"""A server whose messages are not English: the same hints, and what its log still tells."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from tests import servers
from tests.command import dbtune
from tests.conftest import missing
from tests.servers import Postgres


@pytest.fixture(scope="module", params=["de_DE", "ja_JP"])
def foreign(request: pytest.FixtureRequest) -> Iterator[Postgres]:
    """A real one, with Debian's catalogues of messages, in a locale that is made for it."""
    language: str = request.param
    catalogue = Path(f"/usr/share/locale/{language[:2]}/LC_MESSAGES/postgres-15.mo")
    if 15 not in servers.builds() or not catalogue.exists() or not shutil.which("localedef"):
        missing("PostgreSQL 15 with its translations, and localedef,")
    locales = servers.workspace().new_folder("locales")
    done = subprocess.run(
        ["localedef", "-i", language, "-f", "UTF-8", str(locales / f"{language}.UTF-8")],
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        missing("the source of the locale")
    locales.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCPATH", str(locales))
        server = Postgres(15).start(
            {
                "lc_messages": f"{language}.UTF-8",
                "max_connections": 6,
                "superuser_reserved_connections": 1,
                "log_min_duration_statement": 0,
                "log_line_prefix": "%m [%p] %q%u@%d ",
                "logging_collector": "on",
                "log_destination": "stderr,csvlog,jsonlog",
                "log_directory": "log",
            }
        )
    with server:
        server.psql("CREATE ROLE w LOGIN PASSWORD 'x'; CREATE ROLE n PASSWORD 'x'")
        server.create_database("private")
        server.psql("REVOKE CONNECT ON DATABASE private FROM public")
        server.psql('CREATE TABLE "Order s"(id int); CREATE SCHEMA e; CREATE TABLE e.t(id int)')
        yield server


def test_why_a_connection_is_refused(foreign: Postgres) -> None:
    def hint(url: str) -> str:
        refused = dbtune("check", "--interval", "0s", env={"DATABASE_URL": url})
        assert refused.code == 3
        assert not any(word in refused.err for word in ("LOCATION", "28P01", "28000"))
        return refused.err.splitlines()[1]

    assert "check user and password" in hint(foreign.dsn("postgres", "w", "wrong"))
    assert "ALTER ROLE ... LOGIN" in hint(foreign.dsn("postgres", "n", "x"))
    assert "psql -l lists the databases" in hint(foreign.dsn("nowhere"))
    assert "GRANT CONNECT" in hint(foreign.dsn("private", "w", "x"))
    with ExitStack() as all_of_them:
        with suppress(psycopg.OperationalError):
            while True:
                all_of_them.enter_context(foreign.connect())
        assert "no connection is left" in hint(foreign.dsn())
    rules = foreign.data / "pg_hba.conf"
    before = rules.read_text()
    try:
        rules.write_text("local all all trust\n")
        foreign.psql("SELECT pg_reload_conf()")
        assert "pg_hba.conf does not let this user in" in hint(foreign.dsn("postgres", "w", "x"))
    finally:
        rules.write_text(before)
        foreign.psql("SELECT pg_reload_conf()")


@pytest.mark.parametrize(
    ("statement", "hint"),
    [
        ('DELETE FROM "Order s"', 'GRANT SELECT, DELETE ON public."Order s" TO "w";'),
        ("SELECT * FROM e.t", 'GRANT USAGE ON SCHEMA e TO "w";'),
        ("SELECT pg_read_file('x')", "GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file("),
        ("SELECT 1; SELECT 2", "explain them one by one"),
    ],
)
def test_why_a_statement_is_refused(foreign: Postgres, statement: str, hint: str) -> None:
    refused = dbtune("explain", foreign.dsn("postgres", "w", "x"), "--sql", statement)
    assert refused.code == 2
    assert refused.err.splitlines()[-1].startswith(hint)


@pytest.mark.parametrize("form", ["log", "csv", "json"])
def test_what_its_log_tells(foreign: Postgres, form: str) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        foreign.psql("SELECT 1/0")
    foreign.psql("SELECT count(*) FROM pg_class")
    (file,) = (foreign.data / "log").glob(f"*.{form}")
    told = dbtune("slow-queries", "--log", str(file), "-f", "json").ok().json
    assert [one["level"] for one in told["errors"] if "SELECT $1/$2" in (one["statement"] or "")]
    assert told["log"]["skipped_lines"] == 0
    (reason,) = [one["reason"] for one in told["skipped"] if one["what"] == "statements"]
    assert "messages are not in English" in reason


# ------------------------------------------------------------------ where no such server is at hand


@contextmanager
def refusing(**fields: str) -> Iterator[int]:
    """The port of a server that answers the first message by an ErrorResponse."""
    body = b"".join(key.encode() + text.encode() + b"\0" for key, text in fields.items()) + b"\0"
    answer = b"E" + struct.pack("!i", len(body) + 4) + body
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                (length,) = struct.unpack("!i", client.recv(4, socket.MSG_WAITALL))
                client.recv(length - 4, socket.MSG_WAITALL)
                client.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.parametrize(
    ("state", "function", "text", "hint"),
    [
        ("28P01", "auth_failed", "password hitelesítés sikertelen", "check user and password"),
        ("28000", "ClientAuthentication", "kein pg_hba.conf-Eintrag", "pg_hba.conf does not let"),
        ("28000", "InitializeSessionUserId", "роль «n» не существует", "lists the roles"),
        ("28000", "auth_failed", "Peer-Authentifizierung", "how pg_hba.conf lets it in"),
        ("3D000", "InitPostgres", "la base de données n'existe pas", "psql -l"),
        ("53300", "ProcArrayAdd", "tut mir leid, schon zu viele", "no connection is left"),
        (
            "57P03",
            "processCancelRequest",
            "データベースは起動しています",
            "again in a moment",
        ),
        ("XX000", "elsewhere", "неизвестно", ""),
    ],
)
def test_the_sqlstate_decides_where_words_do_not(
    state: str, function: str, text: str, hint: str
) -> None:
    place = {"F": "auth.c", "L": "1", "R": function}
    with refusing(S="ВАЖНО", V="FATAL", C=state, M=text, **place) as port:
        url = f"postgresql://u@127.0.0.1:{port}/d?sslmode=disable&gssencmode=disable"
        refused = dbtune("check", url)
    assert refused.code == 3
    first, *more = refused.err.rstrip().splitlines()
    assert first.endswith(f"failed: ВАЖНО: {text}")
    assert hint in "".join(more)
    assert bool(more) == bool(hint)
