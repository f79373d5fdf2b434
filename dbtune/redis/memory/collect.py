"""Reading keys within a budget of keys and seconds, on a connection of its own.

Least privilege beyond :mod:`dbtune.redis.session`'s::

    ACL SETUSER dbtune ~* +scan +type +pttl +memory|usage

(``~*`` is needed to ask for any key's size; no command here returns a value.)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from dbtune.bloat import Effort, Selection
from dbtune.errors import TargetError, Unavailable
from dbtune.redis.connect import connect_beside, is_passing, where
from dbtune.redis.memory.facts import Counter, Keyspace
from dbtune.redis.memory.scan import COMMANDS, Key, Lost, Scanner, ServerSays
from dbtune.redis.session import Session
from dbtune.text import plain

SAMPLE_KEYS = 50_000
"""Keys that a sample looks at: 0.7 s, of which the server works 0.2 s (measured)."""
_REST_RATIO = 0.5
"""Of the time that a batch took, that the server is left alone after it; none for all keys."""


def read_keys(
    session: Session, selection: Selection, each: Callable[[Sequence[Key]], None] | None = None
) -> Keyspace:
    """The keys of the session's database: a sample, or all that time allows.

    Args:
        session: an open session.
        selection: how many, for how long.
        each: given every batch, to ask more about its keys.

    Raises:
        Unavailable: this user may not.
        TargetError: the connection broke.
    """
    if selection.effort is Effort.statistics:
        raise Unavailable("no key was looked at (--statistics-only)")
    everything = selection.effort is Effort.exact
    connection = connect_beside(session.profile, session.limits)
    counter = Counter(max(20, selection.limit))
    started = time.monotonic()
    whole = False
    try:
        for batch in Scanner(connection._sock).batches():
            before = time.monotonic()
            counter.add(batch)
            if each is not None:
                each(batch)
            passed = before - started
            if passed >= selection.budget_seconds:
                break
            if not everything:
                if counter.found.seen >= SAMPLE_KEYS:
                    break
                time.sleep(
                    min(0.05, _REST_RATIO * passed / max(1, counter.found.seen) * len(batch))
                )
        else:
            whole = True
    except ServerSays as said:
        raise _refused(str(said), session) from None
    except (Lost, OSError) as error:
        raise TargetError(
            f"lost the connection to {where(session.profile)} while looking at keys: {error}"
        ) from None
    finally:
        connection.disconnect()
    info = session.read_info("memory")
    here, everywhere = _counts(session)
    counted = counter.done()
    return replace(
        counted,
        whole=whole,
        total=max(counted.seen, here),
        elsewhere=everywhere - here,
        seconds=time.monotonic() - started,
        used_bytes=_number(info, "used_memory"),
        dataset_bytes=_number(info, "used_memory_dataset"),
    )


def _refused(said: str, session: Session) -> Unavailable:
    """What it means that the server says no: for want of a privilege, of the command, for now."""
    remedy = ""
    if said.startswith("NOPERM"):
        names = " ".join(f"+{one.lower().replace(' ', '|')}" for one in COMMANDS)
        remedy = f"ACL SETUSER {session.user} ~* {names}"
    now = " now" if is_passing(said) else ""
    return Unavailable(f"keys can't be looked at{now}: {plain(said)}", remedy)


def _counts(session: Session) -> tuple[int, int]:
    """Keys of the session's database, and of all."""
    counts = {
        name: int(dict(part.partition("=")[::2] for part in line.split(",")).get("keys") or 0)
        for name, line in session.read_info("keyspace").items()
    }
    return counts.get(f"db{session.database}", 0), sum(counts.values())


def _number(info: dict[str, str], name: str) -> int:
    text = info.get(name, "")
    return int(text) if text.isdigit() else 0
