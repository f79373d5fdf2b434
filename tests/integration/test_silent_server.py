"""A network that swallows what is sent: dbtune gives up, as no time limit of the server's can."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from dbtune.errors import OutOfTime, TargetError
from dbtune.postgres import session as sessions
from dbtune.profile import profile_from_url
from dbtune.session import Limits, open_postgres
from tests.servers import HOST, Postgres


class Proxy:
    """Passes bytes on until ``stalled`` is set, and then keeps them for itself."""

    def __init__(self, port: int) -> None:
        self.stalled = threading.Event()
        self._to = port
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection((HOST, self._to))
                self._open += [client, server]
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(65536):
                if not self.stalled.is_set():
                    target.sendall(content)


@pytest.fixture
def proxy(pg18: Postgres) -> Iterator[Proxy]:
    made = Proxy(pg18.port)
    yield made
    made.close()


def test_a_server_that_falls_silent_is_given_up(
    pg18: Postgres, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_GRACE_SECONDS", 1)
    url = pg18.dsn().replace(f":{pg18.port}/", f":{proxy.port}/")
    with open_postgres(profile_from_url(url, "test"), Limits(statement_seconds=1)) as session:
        assert session.rows("SELECT 1 AS one") == [{"one": 1}]
        proxy.stalled.set()
        with pytest.raises(TargetError, match="nothing was heard of the server"):
            session.rows("SELECT 1 AS one")
        assert session.is_broken


def test_a_slow_statement_is_not(pg18: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_GRACE_SECONDS", 60)
    profile = profile_from_url(pg18.dsn(), "test")
    with open_postgres(profile, Limits(statement_seconds=1)) as session:
        with pytest.raises(OutOfTime):
            session.rows("SELECT pg_sleep(60)")
        assert session.rows("SELECT 1 AS one") == [{"one": 1}]
