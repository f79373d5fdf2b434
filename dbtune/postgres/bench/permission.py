"""Whether a server may be loaded: only one that a person said so of, and that nobody else uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from dbtune.errors import Unavailable, UsageError
from dbtune.postgres.server import Server
from dbtune.postgres.session import Row, Session
from dbtune.statements import Wait
from dbtune.text import count_text, plain

FOR_TRIALS = frozenset(("staging", "test", "dev", "development", "demo", "bench"))
"""Tags of profiles whose servers are there for trials."""
_OBSERVED_SECONDS = 2.0
_REPORTED_SECONDS = 1.2
_EVERY_SECONDS = 0.1
_BUSY = 0.5
"""Sessions of others that are busy on average; below, it is a monitor or a person who looks."""
_PER_SECOND = 20.0
"""Transactions of others per second, likewise."""


class Permission(NamedTuple):
    """What a person allowed.

    Attributes:
        yes: load this server, whatever its profile says.
        busy: although others use it.
        ask: asks the person; raises UsageError where there is nobody to ask.
    """

    yes: bool
    busy: bool
    ask: Callable[[str], bool]


def is_for_trials(session: Session) -> bool:
    """Whether it is the demo, or its profile has a tag that says so."""
    from dbtune.demo import kept

    profile = session.profile
    if FOR_TRIALS.intersection(tag.lower() for tag in profile.tags):
        return True
    demo = kept.find()
    return demo is not None and demo.running and profile.url.reveal() in (demo.url, demo.app_url)


def require_permission(
    session: Session, server: Server, permission: Permission, what: str, wait: Wait
) -> None:
    """Refuse a server that a person did not mean to load, or that others use.

    Args:
        session: on the server.
        server: what it is.
        permission: what the person allowed.
        what: is about to happen to it, as the end of a sentence.
        wait: called to let time pass.

    Raises:
        UsageError: it may not be loaded.
    """
    where = plain(session.profile.name)
    if not (permission.yes or is_for_trials(session)):
        sentence = (
            f"{where} ({server.version_text}, database {plain(server.database)}) will be loaded: "
            f"{what}. Whoever else uses this server will feel it."
        )
        if not permission.ask(sentence):
            raise UsageError("nothing was done")
    if permission.busy:
        return
    sessions, per_second = others(session, wait)
    if sessions >= _BUSY or per_second >= _PER_SECOND:
        raise UsageError(
            f"others use {where}: {count_text(round(sessions, 1))} busy on average, "
            f"{count_text(round(per_second))} transactions per second; results would be theirs and "
            "they would suffer. Take a server of your own, or give --allow-busy"
        )


def others(session: Session, wait: Wait) -> tuple[float, float]:
    """Busy sessions of others on average, and their transactions per second, just now."""
    looks: list[Row] = []

    def look() -> None:
        looks.append(session.fact("bench_others")[0])

    what = "looking whether others use the server"
    try:
        # What this session did before is reported first: at most once a second.
        wait(_REPORTED_SECONDS, what, _EVERY_SECONDS, look)
        looks.clear()
        look()
        wait(_OBSERVED_SECONDS, what, _EVERY_SECONDS, look)
        look()
    except Unavailable as missing:
        raise UsageError(
            f"can't see whether others use the server: {missing}; give --allow-busy"
        ) from None
    first, last = looks[0], looks[-1]
    seconds = (last["at"] - first["at"]).total_seconds()
    done = last["transactions"] - first["transactions"] - len(looks)
    return sum(one["busy"] for one in looks) / len(looks), max(0.0, done / max(seconds, 1e-3))
