"""The options that describe a load and a topology, for every command that needs a pool plan."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any

import typer

from dbtune.cli.command import text_parser
from dbtune.errors import UsageError
from dbtune.pooling.inputs import ABOUT, PoolInputs
from dbtune.text import parse_seconds, plain

_LOAD, _SERVER, _APPLICATION, _POOLER = "Load", "Server", "Application", "Pooler"


def parse_ms(text: str) -> float:
    """A duration with its unit, in milliseconds: ``20ms``, ``0.5s``.

    Raises:
        UsageError: it is none, or it has no unit: a bare number could be meant as either.
    """
    if re.fullmatch(r"\s*[0-9.]+\s*", text):
        raise UsageError(f"say the unit: {text.strip()}ms or {text.strip()}s")
    return parse_seconds(text) * 1000


def parse_share(text: str) -> float:
    """A share of one: ``0.5`` or ``50%``.

    Raises:
        UsageError: it is no number.
    """
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*(%?)\s*", text)
    if match is None:
        raise UsageError(f"{plain(text)!r} is not a share; write for example 0.5 or 50%")
    return float(match[1]) / (100 if match[2] else 1)


def _option(
    field: str, panel: str, text: str, *more: str, parse: Any = None, default: str = ""
) -> Any:
    options: dict[str, Any] = {"help": text, "rich_help_panel": panel}
    options["show_default"] = default or False
    if parse is parse_ms:
        options |= {"parser": text_parser(parse), "metavar": "DURATION"}
    elif parse is parse_share:
        options |= {"parser": text_parser(parse), "metavar": "SHARE"}
    return typer.Option(ABOUT[field].option, *more, **options)


def _int(field: str, panel: str, text: str, default: str = "") -> Any:
    return Annotated[int | None, _option(field, panel, text, default=default)]


def _float(
    field: str, panel: str, text: str, *more: str, parse: Any = None, default: str = ""
) -> Any:
    return Annotated[float | None, _option(field, panel, text, *more, parse=parse, default=default)]


_OPTIONS: dict[str, Any] = {
    "requests_per_second": _float(
        "requests_per_second", _LOAD, "Requests per second, all instances.", "--requests-per-second"
    ),
    "hold_time_ms": _float(
        "hold_time_ms", _LOAD, "Mean time a request holds a connection, as 20ms.", parse=parse_ms
    ),
    "wait_share": _float(
        "wait_share",
        _LOAD,
        "Share of that time off the CPU, as 80%: I/O, locks, the client.",
        parse=parse_share,
    ),
    "variance": _float(
        "variance", _LOAD, "Of the hold time, (stddev/mean)²; 1 is exponential.", default="1"
    ),
    "peak_factor": _float(
        "peak_factor", _LOAD, "Peak rate over the given one.", default="1; of a TARGET measured"
    ),
    "target_wait_ms": _float(
        "target_wait_ms",
        _LOAD,
        "95 % should wait no longer.",
        default="a quarter of the hold time, at most 5ms",
        parse=parse_ms,
    ),
    "max_connections": _int("max_connections", _SERVER, "The server's max_connections."),
    "superuser_reserved": _int(
        "superuser_reserved", _SERVER, "superuser_reserved_connections.", default="3"
    ),
    "reserved_connections": _int(
        "reserved_connections",
        _SERVER,
        "reserved_connections, PostgreSQL 16 and later.",
        default="0",
    ),
    "other_connections": _int(
        "other_connections", _SERVER, "For admin, monitoring, migrations, cron.", default="5"
    ),
    "margin": _float(
        "margin",
        _SERVER,
        "Share of max_connections to plan with.",
        default="80%",
        parse=parse_share,
    ),
    "cpus": _float("cpus", _SERVER, "CPUs of the server's machine."),
    "instances": _int("instances", _APPLICATION, "Application instances."),
    "workers": _int(
        "workers", _APPLICATION, "Processes per instance, each with its pool.", default="1"
    ),
    "threads": _int("threads", _APPLICATION, "Threads per process, each with one connection."),
    "surge": _float(
        "surge",
        _APPLICATION,
        "More instances during a deploy, as 25%.",
        default="0%",
        parse=parse_share,
    ),
    "poolers": _int("poolers", _POOLER, "PgBouncer processes side by side.", default="1"),
    "databases": _int("databases", _POOLER, "Databases behind it, equally loaded.", default="1"),
    "users": _int("users", _POOLER, "Users per database, equally loaded.", default="1"),
}


def pool_options(*, pooler: bool = True, without: tuple[str, ...] = ()) -> Callable[[Any], Any]:
    """Give a command the options of a pool plan, as its parameter ``given``.

    The command's function takes ``given: PoolInputs``; what no option says has its default there,
    and ``given.origins`` names those that an option says. Use it below ``@command``.

    Args:
        pooler: whether there is an option ``--no-pooler``.
        without: fields that have no option here.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function, eval_str=True)
        annotations = {name: one for name, one in _OPTIONS.items() if name not in without}
        extra = [_parameter(name, annotation, None) for name, annotation in annotations.items()]
        if pooler:
            annotation = Annotated[
                bool,
                typer.Option(
                    "--pooler/--no-pooler",
                    help="PgBouncer stands in between.",
                    rich_help_panel=_POOLER,
                ),
            ]
            extra.append(_parameter("pooler", annotation, True))

        def wrapper(*arguments: Any, **values: Any) -> Any:
            picked = {one.name: values.pop(one.name) for one in extra}
            return function(*arguments, given=given_inputs(picked), **values)

        own = [one for name, one in signature.parameters.items() if name != "given"]
        keywords = [own[0], *(one.replace(kind=one.KEYWORD_ONLY) for one in own[1:]), *extra]
        wrapper.__doc__ = function.__doc__
        wrapper.__name__ = function.__name__
        wrapper.__signature__ = signature.replace(parameters=keywords)  # type: ignore[attr-defined]
        return wrapper

    return decorate


def given_inputs(values: dict[str, Any]) -> PoolInputs:
    """Inputs from option values, with the options that gave them as origins.

    Raises:
        UsageError: a value is out of its bounds.
    """
    known = {name: value for name, value in values.items() if value is not None}
    origins = {name: ABOUT[name].option for name in known if name in ABOUT}
    if known.get("pooler") is False:
        origins["pooler"] = "--no-pooler"
    return PoolInputs(**known, origins=origins)


def _parameter(name: str, annotation: Any, default: object) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )
