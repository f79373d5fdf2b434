"""``dbtune serve``."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbtune.cli import complete
from dbtune.cli.command import duration_option, new_app, typed
from dbtune.errors import UsageError

if TYPE_CHECKING:
    from dbtune.service.http import Target

TOKEN_VARIABLE = "DBTUNE_SERVE_TOKEN"  # noqa: S105 # a name
SHORTEST_TOKEN = 16
_LAST_SECONDS = 2
"""What answers have to be sent, once somebody wants the service to end."""

app = new_app()


@app.command(
    epilog="Examples: dbtune serve prod cache; curl localhost:8432/api/v1/check?target=prod"
)
def serve(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TARGET]...",
            help="Profiles or URLs; without any, the default target.",
            show_default=False,
            autocompletion=complete.profiles,
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen at; others need a token.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Port to listen at.")
    ] = 8432,
    refresh: Annotated[
        float,
        duration_option(help="Read a target anew at most so often, however many ask."),
    ] = typed("60s"),
    slow_refresh: Annotated[
        float, duration_option(help="The same for indexes and bloat, which cost more.")
    ] = typed("1h"),
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=f"Ask for the token in this file's first line (or {TOKEN_VARIABLE}).",
            show_default=False,
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A name under which the service is addressed, behind a proxy. Repeat it for "
            "several.",
        ),
    ] = None,
) -> None:
    """Serve reports over HTTP: JSON for programs, metrics for Prometheus.

    / is the report as a page; /api/v1/check, slow-queries, indexes, bloat, pool-stats, targets;
    POST analyze-query with {"sql": "..."}; /metrics; /openapi.json. Reports are kept: polling
    costs a target nothing.
    """
    try:
        import uvicorn

        from dbtune.service.http import Service, resources
    except ImportError:
        raise UsageError("this needs Starlette and Uvicorn: pip install 'dbtune[serve]'") from None
    from dbtune.cli.ask import ask

    token = _token(token_file)
    if not token and not _loopback(host):
        raise UsageError(
            f"{host} can be reached from elsewhere: set {TOKEN_VARIABLE} or give --token-file"
        )
    if refresh < 1 or slow_refresh < 1:
        raise UsageError("--refresh and --slow-refresh: a second is the least")
    offered = resources(refresh, slow_refresh)
    hosts = ["localhost", "127.0.0.1", "[::1]", host, *(allow_host or ())]
    anywhere = bool(token) and not allow_host  # a page that rebinds a name does not know the token
    service = Service(
        ask,
        _targets(targets or []),
        offered,
        _schemas([*(one.command for one in offered if one.path), "explain"]),
        token=token,
        hosts=["*"] if anywhere else hosts,
    )
    # A report that is made wants the interpreter for itself; answers are short and come first.
    sys.setswitchinterval(0.0005)
    with _listen(host, port) as listener:
        where = listener.getsockname()
        typer.echo(f"serving on http://{_address(where[0])}:{where[1]}; Ctrl-C ends it", err=True)
        config = uvicorn.Config(
            service.app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_LAST_SECONDS,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _targets(given: list[str]) -> list[Target]:
    from dbtune.cli.ask import target_options
    from dbtune.profile import holds_password, resolve
    from dbtune.service.http import Target

    if any(map(holds_password, given)):
        raise UsageError(
            "a password on the command line shows in the process list as long as dbtune serves;"
            " use a profile, PGPASSWORD or ~/.pgpass"
        )
    found = [resolve(one) for one in given] or [resolve()]
    names = [one.name for one in found]
    if len(set(names)) < len(names):
        raise UsageError("two targets have the same name: give each a profile")
    return [Target(one.name, one.engine.value, target_options(one)) for one in found]


def _token(file: Path | None) -> str:
    if file is None:
        token = os.environ.get(TOKEN_VARIABLE, "")
        where = TOKEN_VARIABLE
    else:
        where = str(file)
        try:
            token = file.read_text(encoding="utf-8").partition("\n")[0].strip()
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise UsageError(f"--token-file {file} can't be read: {reason}") from None
        if not token:
            raise UsageError(f"{file} has no token in its first line")
    if token and (len(token) < SHORTEST_TOKEN or not token.isascii()):
        raise UsageError(f"the token in {where} needs {SHORTEST_TOKEN} ASCII characters or more")
    if token:
        from dbtune.redaction import Secret

        Secret(token)
    return token


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=128)
    except OSError as error:
        raise UsageError(f"can't listen at {host} port {port}: {error.strerror}") from None


def _address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _schemas(commands: list[str]) -> dict[str, dict[str, Any]]:
    from dbtune.cli.schema import schema_of

    return {name: schema_of(name) for name in commands}
