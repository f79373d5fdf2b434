"""What an application's pool is set to, and the pieces that a framework's file is written from."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from dbtune import __version__

LIFETIME_SECONDS = 1500
"""25 minutes: below PgBouncer's ``server_lifetime`` and what proxies and firewalls allow (1 h)."""
IDLE_SECONDS = 200
"""Load balancers forget a silent connection, Azure's after 240 s, AWS' after 350 s."""
PROBE_SECONDS = 30
"""How long a connection may be silent before somebody looks whether it is still alive."""
_WIDTH = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPool:
    """The pool of one application process. Connections are counted, times are seconds.

    Attributes:
        largest: most connections.
        smallest: connections that are kept open.
        pooler: PgBouncer in transaction mode stands in between.
        prepares: a driver may keep statements prepared from one transaction to the next.
        request_seconds: how long the application lets a request take.
    """

    largest: int
    smallest: int
    pooler: bool
    prepares: bool
    request_seconds: float = 30.0

    @property
    def acquire_seconds(self) -> float:
        """How long to wait for a connection: the request must still be able to answer.

        Behind PgBouncer longer than its ``query_wait_timeout``, so that its error, which says what
        is wrong, comes first.
        """
        half = max(1, min(15, int(self.request_seconds / 2)))
        return (self.request_seconds + half) / 2 if self.pooler else float(half)

    @property
    def connect_seconds(self) -> int:
        """How long to wait for a server that does not answer."""
        return max(1, min(5, int(self.request_seconds / 2)))

    @property
    def statement_seconds(self) -> int:
        """``statement_timeout``: the server gives up before the application does."""
        return max(1, min(15, int(self.request_seconds / 2)) * 2 // 3)


class Line(NamedTuple):
    """One setting.

    Attributes:
        name: as the framework's documentation writes it.
        value: in the syntax of the file.
        why: what it is good for.
        default: what the framework does without it.
    """

    name: str
    value: str
    why: str
    default: str


class Snippet(NamedTuple):
    """The file of a framework.

    Attributes:
        filename: what it is usually called.
        language: its syntax, for a Markdown fence.
        text: its content, without secrets: they come from the environment.
        lines: the settings in it, in its order.
        notes: what else has to be known.
        document: where the settings are documented.
    """

    filename: str
    language: str
    text: str
    lines: tuple[Line, ...]
    document: str
    notes: tuple[str, ...] = ()


Framework = Callable[[AppPool], Snippet]


def block(
    lines: Iterable[Line],
    form: Callable[[Line], str],
    *,
    margin: str = "",
    mark: str = "#",
) -> str:
    """Settings, each below the reason for it.

    Args:
        lines: the settings.
        form: writes one in the file's syntax.
        margin: what stands before each line.
        mark: what a comment begins with.
    """
    written = []
    for line in lines:
        written += _comment(f"{line.why} Default: {line.default}.", margin, mark)
        written += [margin + text for text in form(line).splitlines()]
    return "\n".join(written)


def heading(text: str, mark: str = "#") -> str:
    """The comment at the top of a file."""
    return "\n".join(_comment(f"{text} By dbtune {__version__}.", "", mark))


def number(value: float) -> str:
    """A number as most languages write it: ``22.5``, ``15``."""
    return f"{value:g}"


def milliseconds(seconds: float) -> str:
    """Seconds as whole milliseconds."""
    return str(round(seconds * 1000))


def keyword(line: Line) -> str:
    """``name=value,`` as in a call in Python."""
    return f"{line.name}={line.value},"


def item(line: Line) -> str:
    """``"name": value,`` as in a dictionary in Python."""
    return f'"{line.name}": {line.value},'


def member(line: Line) -> str:
    """``name: value,`` as in an object in JavaScript."""
    return f"{line.name}: {line.value},"


def entry(line: Line) -> str:
    """``name: value`` as in YAML."""
    return f"{line.name}: {line.value}"


def _comment(text: str, margin: str, mark: str) -> list[str]:
    first = f"{margin}{mark} "
    return textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=first, break_on_hyphens=False
    )
