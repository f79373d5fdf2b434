"""Reports over HTTP: JSON, Prometheus metrics, and an OpenAPI document of both."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hmac
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from dbtune import __version__
from dbtune.at_once import apart
from dbtune.errors import Exit
from dbtune.render import Style, render
from dbtune.render.document import document
from dbtune.render.json import dumps
from dbtune.report import Report
from dbtune.service import Ask
from dbtune.service.kept import Keeper, Kept
from dbtune.service.metrics import exposition
from dbtune.service.openapi import openapi

LARGEST_BODY = 2_000_000
MOST_STATEMENTS = 200
"""Analysed statements that are kept."""
MOST_WAITING = 32
"""Reports that are being made, or wait for their target; more are refused."""
SCRAPE_SECONDS = 8.0
"""Longest wait for reports before metrics are told; Prometheus gives up after 10 by default."""
_STATUS = {Exit.USAGE: 422, Exit.UNREACHABLE: 503, Exit.BUG: 500}


def _body(report: Report) -> bytes:
    return dumps(document(report)).encode()


def _page(report: Report) -> bytes:
    return render(report, "html", Style()).encode()


class Resource(NamedTuple):
    """A report under ``/api/v1``, or a page.

    Attributes:
        path: its name there; "" for the page.
        command: the subcommand.
        arguments: its options.
        seconds: how long it is good.
        engines: what it is for.
        help: one line for the OpenAPI document.
        render: makes its text.
        media_type: of that text.
    """

    path: str
    command: str
    arguments: tuple[str, ...]
    seconds: float
    engines: tuple[str, ...]
    help: str
    render: Callable[[Report], bytes] = _body
    media_type: str = "application/json"

    @property
    def route(self) -> str:
        """Its path in URLs."""
        return f"/api/v1/{self.path}" if self.path else "/"


def resources(refresh: float, slow_refresh: float) -> tuple[Resource, ...]:
    """What is served.

    Args:
        refresh: seconds for which what is cheap to read is good.
        slow_refresh: the same for what takes the planner or reads pages.
    """
    every, sql = ("postgresql", "mongodb", "redis"), ("postgresql",)
    return (
        Resource("check", "check", (), refresh, every, "Health: findings in order of harm."),
        Resource(
            "slow-queries", "slow-queries", ("--limit=50",), refresh, every,
            "Statements ranked by what they cost.",
        ),
        Resource(
            "pool-stats", "pool-size", ("--interval=5s",), refresh, sql,
            "Connections needed under the present load, and pool sizes.",
        ),
        Resource(
            "indexes", "suggest-indexes", ("--deadline=20s",), slow_refresh, every[:2],
            "Indexes that are missing, and those that may go.",
        ),
        Resource(
            "bloat", "bloat", ("--deadline=5s", "--limit=100"), slow_refresh, every,
            "Wasted space, with an error interval.",
        ),
        Resource(
            "", "report", ("--interval=3s",), slow_refresh, every,
            "Everything in one document, for people.", _page, "text/html",
        ),
    )  # fmt: skip


class Target(NamedTuple):
    """A target that is served: its name, its engine, and how subcommands are told of it."""

    name: str
    engine: str
    arguments: tuple[str, ...]


class Service:
    """The ASGI application.

    Args:
        ask: runs a subcommand.
        targets: what is served; the first is meant where a request names none.
        offered: the reports.
        schemas: the JSON Schema of each command's output.
        token: what ``Authorization: Bearer`` must have; "" asks for nothing.
        hosts: names under which the service may be addressed, so that no web page elsewhere can
            reach it by a name of its own (DNS rebinding).
    """

    def __init__(
        self,
        ask: Ask,
        targets: Sequence[Target],
        offered: Sequence[Resource],
        schemas: Mapping[str, Mapping[str, Any]],
        *,
        token: str = "",
        hosts: Sequence[str] = ("*",),
    ) -> None:
        self._ask, self._token = ask, token
        self._targets = {one.name: one for one in targets}
        self._offered = {one.path: one for one in offered}
        self.keeper = Keeper()
        for target in targets:
            for one in offered:
                if target.engine in one.engines:
                    make = self._maker(one, target)
                    self.keeper.add(target.name, one.path, one.seconds, make, one.render)
        self._analysed: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._making: dict[tuple[str, str], asyncio.Task[Kept]] = {}
        self._document = openapi(tuple(offered), list(self._targets), schemas, secured=bool(token))
        routes = [
            Route("/healthz", _healthy),
            Route("/metrics", self._metrics),
            Route("/openapi.json", self._openapi),
            Route("/api/v1/targets", self._list),
            Route("/api/v1/analyze-query", self._analyze, methods=["POST"]),
            *(Route(one.route, self._serve(path)) for path, one in self._offered.items()),
        ]
        guards = [
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False),
            Middleware(_Guard, token=token),
        ]
        self.app = Starlette(
            routes=routes, middleware=guards, exception_handlers={HTTPException: _problem}
        )

    def _maker(self, one: Resource, target: Target) -> Callable[[], Report]:
        return lambda: self._ask(one.command, *target.arguments, *one.arguments)

    def _target(self, name: str | None) -> Target:
        if name is None:
            return next(iter(self._targets.values()))
        if name not in self._targets:
            raise HTTPException(404, f"no target {name[:100]!r}; see /api/v1/targets")
        return self._targets[name]

    def _serve(self, path: str) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            target = self._target(request.query_params.get("target"))
            if target.engine not in self._offered[path].engines:
                raise HTTPException(404, f"{path} is not for {target.engine}")
            return self._answer(request, target.name, path, await self._kept(target.name, path))

        return endpoint

    async def _kept(self, target: str, path: str) -> Kept:
        """A report; where it must be made first, all who wait for it wait for one thread."""
        kept, old = self.keeper.ready(target, path)
        if kept is not None and not old:
            return kept
        task = self._making.get((target, path))
        if task is None:
            if len(self._making) >= MOST_WAITING:
                if kept is not None:
                    return kept
                raise HTTPException(429, "too much is being asked at once", {"Retry-After": "5"})
            task = asyncio.create_task(self._made(target, path))
            self._making[target, path] = task
            task.add_done_callback(lambda _: self._making.pop((target, path)))
        if kept is not None:
            return kept
        return await asyncio.shield(task)  # who leaves does not stop it for the others

    async def _made(self, target: str, path: str) -> Kept:
        return await asyncio.wrap_future(apart(partial(self.keeper.get, target, path)))

    def _answer(self, request: Request, target: str, path: str, kept: Kept) -> Response:
        left = max(0, int(self.keeper.good_for(target, path, kept)))
        if kept.report is None:
            raise HTTPException(
                _STATUS.get(Exit(kept.code), 500), kept.error, {"Retry-After": str(left + 1)}
            )
        headers = {
            "ETag": f'"{kept.tag}"',
            "Age": str(int(self.keeper.age(kept))),
            "Cache-Control": f"private, max-age={left}",
        }
        known = request.headers.get("if-none-match", "").split(",")
        if headers["ETag"] in [one.strip().removeprefix("W/") for one in known]:
            return Response(status_code=304, headers=headers)
        of = self._offered.get(path)  # an analysed statement is none of them
        return Response(
            kept.body, media_type=of.media_type if of else "application/json", headers=headers
        )

    def _reports(self, target: Target) -> list[str]:
        """The reports that there are for a target, without the page."""
        return [r.path for r in self._offered.values() if target.engine in r.engines and r.path]

    async def _list(self, request: Request) -> Response:
        rows = [
            {
                "target": one.name,
                "engine": one.engine,
                "reports": self._reports(one),
            }
            for one in self._targets.values()
        ]
        return JSONResponse({"targets": rows, "dbtune_version": __version__})

    async def _openapi(self, request: Request) -> Response:
        return JSONResponse(self._document)

    async def _metrics(self, request: Request) -> Response:
        """Health and statements of each target as fresh as they are kept, the rest as it is.

        A target that does not answer holds up none: what is there by then is told.
        """
        made = asyncio.gather(
            *(
                self._kept(target.name, path)
                for target in self._targets.values()
                for path in ("check", "slow-queries")
                if target.engine in self._offered[path].engines
            ),
            return_exceptions=True,
        )
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(made, SCRAPE_SECONDS)
        pairs = [(one.name, path) for one in self._targets.values() for path in self._reports(one)]
        text = await run_in_threadpool(exposition, self.keeper, pairs)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _analyze(self, request: Request) -> Response:
        """The plan of a statement, which is kept as other reports are."""
        given = await _json(request)
        target = self._target(given.get("target"))
        if target.engine != "postgresql":
            raise HTTPException(404, f"analyze-query is not for {target.engine}")
        path = self._statement(target, given["sql"])
        return self._answer(request, target.name, path, await self._kept(target.name, path))

    def _statement(self, target: Target, sql: str) -> str:
        """The place where a statement's analysis is kept; the oldest one's is given up."""
        key = (target.name, sql)
        path = f"analyze-query {sql}"
        if key not in self._analysed:
            arguments = ("explain", *target.arguments, f"--sql={sql}")
            seconds = min(one.seconds for one in self._offered.values())
            self.keeper.add(target.name, path, seconds, lambda: self._ask(*arguments), _body)
            self._analysed[key] = None
            for name, old in [*self._analysed][:-MOST_STATEMENTS]:
                if (name, f"analyze-query {old}") not in self._making:
                    del self._analysed[name, old]
                    self.keeper.forget(name, f"analyze-query {old}")
        self._analysed.move_to_end(key)
        return path


async def _json(request: Request) -> dict[str, str]:
    """The body of ``analyze-query``.

    A browser sends JSON to another site only when that site allows it, which we never do.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(415, 'send application/json: {"sql": "SELECT ..."}')
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise HTTPException(413, f"more than {LARGEST_BODY:,} bytes")
    try:
        given = json.loads(bytes(body))
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is not JSON") from None
    if not isinstance(given, dict) or not isinstance(given.get("sql"), str):
        raise HTTPException(422, 'the body needs a statement: {"sql": "SELECT ..."}')
    if not isinstance(given.get("target", ""), str) or not given["sql"].strip():
        raise HTTPException(422, "sql and target are texts, and sql is not empty")
    if "\0" in given["sql"] or any("\ud800" <= one <= "\udfff" for one in given["sql"]):
        raise HTTPException(422, "sql has characters that no statement can have")
    return given


async def _healthy(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse(
        {"error": error.detail}, status_code=error.status_code, headers=error.headers
    )


def _token_of(header: bytes) -> bytes:
    """The token of an ``Authorization`` header: a bearer's, or a browser's password."""
    scheme, _, rest = header.partition(b" ")
    if scheme.lower() == b"bearer":
        return rest.strip()
    if scheme.lower() != b"basic":
        return b""
    try:
        return base64.b64decode(rest, validate=True).partition(b":")[2]
    except binascii.Error:
        return b""


class _Guard:
    """Asks for the token, and lets no page be framed or sniffed."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != "/healthz" and self._token:
            given = _token_of(dict(scope["headers"]).get(b"authorization", b""))
            if not hmac.compare_digest(given, self._token):
                response = JSONResponse(
                    {"error": "give the token: Authorization: Bearer TOKEN"},
                    status_code=401,
                    # Browsers ask for a name, too, and any will do.
                    headers={"WWW-Authenticate": 'Bearer, Basic realm="dbtune", charset="UTF-8"'},
                )
                await response(scope, receive, send)
                return

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [
                    (b"x-content-type-options", b"nosniff"),
                    (b"x-frame-options", b"DENY"),
                    (b"referrer-policy", b"no-referrer"),
                ]
            await send(message)

        await self._app(scope, receive, guarded)
