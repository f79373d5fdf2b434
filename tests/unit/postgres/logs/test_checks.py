"""Each check on logs: a log in which it finds something, and one just below."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from dbtune.finding import Finding, load_checks, run_checks
from dbtune.logs.clock import moment
from dbtune.logs.read import count_blocks
from dbtune.postgres.logs.detect import detect
from dbtune.postgres.logs.digest import Digest
from dbtune.postgres.logs.kind import POSTGRES
from dbtune.postgres.logs.report import CHECKS
from dbtune.postgres.logs.stream import Wanted

ALL = {one.name: one for one in load_checks(CHECKS)}
QUIET = "LOG:  duration: 1.0 ms  statement: SELECT 1"
PREFIX = "%m [%p] %u@%d "


def line(second: float, message: str, pid: int = 1) -> str:
    """A record."""
    hours, rest = divmod(second, 3600)
    minutes, seconds = divmod(rest, 60)
    return (
        f"2026-11-28 {int(hours):02d}:{int(minutes):02d}:{seconds:06.3f} UTC [{pid}] app@shop "
        f"{message}\n"
    )


def at_once(*messages: str) -> str:
    return "".join(line(at / 1000, message) for at, message in enumerate(messages))


def findings(name: str, text: str) -> list[Finding]:
    """What a check finds in a log."""
    digest = Digest()
    data = (line(0, QUIET) + text).encode()
    detected = detect(data, "log", prefix=PREFIX)
    count_blocks(POSTGRES, iter([data]), "log", detected, Wanted(), digest)
    digest.settle()
    assert digest.seen.skipped_lines == 0
    first, last = moment(digest.seen.first), moment(digest.seen.last)
    assert first is not None
    assert last is not None
    facts = {"digest": digest, "seconds": (last - first).total_seconds()}
    found, skipped = run_checks([ALL[name]], facts)
    assert not skipped
    return found


def autovacuum(cancelled: int, done: int) -> str:
    gave_way = (
        "ERROR:  canceling autovacuum task",
        'CONTEXT:  while scanning block 5 of relation "public.orders"\n'
        '\tautomatic vacuum of table "shop.public.orders"',
    )
    ended = (
        'LOG:  automatic vacuum of table "shop.public.orders": index scans: 1\n'
        "\tsystem usage: CPU: user: 0.00 s, system: 0.00 s, elapsed: 0.50 s"
    )
    return at_once(*gave_way * cancelled, *[ended] * done)


def checkpoints(wal: int, time: int) -> str:
    complete = (
        "LOG:  checkpoint complete: wrote 100 buffers (0.6%); 0 WAL file(s) added, 0 removed, "
        "33 recycled; write=1.000 s, sync=0.010 s, total=1.100 s; sync files=3, longest=0.001 s, "
        "average=0.001 s; distance=540672 kB, estimate=540672 kB"
    )
    started = ["LOG:  checkpoint starting: wal"] * wal + ["LOG:  checkpoint starting: time"] * time
    return at_once(*(one for start in started for one in (start, complete)))


def waits(count: int, ms: float) -> str:
    wait = (
        f"LOG:  process 5 acquired ShareLock on transaction 99 after {ms:.3f} ms",
        "STATEMENT:  UPDATE stock SET n = 1 WHERE id = 5",
    )
    return at_once(*wait * count)


def bursts(count: int, in_a_row: int = 6) -> str:
    parent = "LOG:  duration: 1.0 ms  statement: SELECT id FROM orders WHERE day = {}"
    child = "LOG:  duration: 0.2 ms  statement: SELECT name FROM item WHERE order_id = {}"
    return at_once(
        *(
            one
            for number in range(count)
            for one in (parent.format(number), *[child.format(number)] * in_a_row)
        )
    )


def sessions(count: int, per_second: float, length: str = "0:00:00.050") -> str:
    ended = f"LOG:  disconnection: session time: {length} user=app database=shop host=10.0.0.7"
    return "".join(line(at / per_second, ended, at) for at in range(count))


def vacuums(count: int, kept: int, removed: int) -> str:
    one = (
        'LOG:  automatic vacuum of table "shop.public.orders": index scans: 0\n'
        f"\ttuples: {removed} removed, 100 remain, {kept} are dead but not yet removable\n"
        "\tsystem usage: CPU: user: 0.00 s, system: 0.00 s, elapsed: 0.50 s"
    )
    return at_once(*[one] * count)


def crash(how: str) -> str:
    return at_once(
        f"LOG:  client backend (PID 4711) {how}",
        "DETAIL:  Failed process was running: SELECT 'secret'",
        "LOG:  terminating any other active server processes",
        "LOG:  all server processes terminated; reinitializing",
    )


DEADLOCK = at_once(
    "ERROR:  deadlock detected",
    "DETAIL:  Process 5 waits for ShareLock on transaction 9; blocked by process 6.\n"
    "\tProcess 6 waits for ShareLock on transaction 8; blocked by process 5.\n"
    "\tProcess 5: UPDATE stock SET n = 1 WHERE id = 2\n"
    "\tProcess 6: UPDATE stock SET n = 2 WHERE id = 1",
    "HINT:  See server log for query details.",
    "STATEMENT:  UPDATE stock SET n = 1 WHERE id = 2",
)


class Case(NamedTuple):
    """A log with a finding, what the finding says, and a log without."""

    check: str
    found: str
    words: str
    silent: str


FULL = "FATAL:  sorry, too many clients already"
DENIED = 'FATAL:  password authentication failed for user "app"'
TIMEOUT = (
    "ERROR:  canceling statement due to statement timeout",
    "STATEMENT:  SELECT * FROM big WHERE a = 5",
)
UNIQUE = ('ERROR:  duplicate key value violates unique constraint "stock_pkey"',)
CASES = (
    Case("pg.autovacuum-cancelled", autovacuum(3, 1), "cancelled 3 times", autovacuum(3, 3)),
    Case("pg.autovacuum-cancelled", autovacuum(9, 0), "completed 0 times", autovacuum(2, 0)),
    Case("pg.checkpoints-forced", checkpoints(5, 5), "5 of 10 checkpoints", checkpoints(4, 1)),
    Case("pg.checkpoints-forced", checkpoints(5, 11), "(31.2 %)", checkpoints(5, 12)),
    Case("pg.connections-refused", at_once(FULL), "1 connection refused", at_once(QUIET)),
    Case("pg.connections-refused", at_once(*[DENIED] * 20), "20 conn", at_once(*[DENIED] * 19)),
    Case("pg.deadlocks-logged", DEADLOCK, "1 deadlock", at_once(*TIMEOUT)),
    Case("pg.errors-frequent", at_once(*UNIQUE * 100), "100 times", at_once(*UNIQUE * 99)),
    Case(
        "pg.errors-frequent",
        at_once("ERROR:  could not extend file: No space left on device"),
        "1 time",
        at_once("LOG:  could not extend file: No space left on device"),
    ),
    Case("pg.lock-waits-logged", waits(3, 2000), "waited 6.00 s in 3 waits", waits(2, 2600)),
    Case("pg.lock-waits-logged", waits(1, 31_000), "31.0 s at the longest", waits(3, 1600)),
    Case("pg.repeated-in-session", bursts(20), "6 times in a row on average", bursts(19)),
    Case("pg.repeated-in-session", bursts(20, 5), "right after: SELECT id FROM", bursts(20, 4)),
    Case("pg.server-crashed", crash("was terminated by signal 9: Killed"), "1 time", at_once(FULL)),
    Case(
        "pg.server-crashed",
        at_once("PANIC:  could not write to file: No space left on device"),
        "PANIC, 1 time",
        at_once("ERROR:  could not write to file: No space left on device"),
    ),
    Case("pg.sessions-too-short", sessions(500, 10), "of which half last", sessions(499, 10)),
    Case(
        "pg.sessions-too-short",
        sessions(600, 10),
        "10 sessions a second",
        sessions(600, 10, "0:00:05.000"),
    ),
    Case("pg.sessions-too-short", sessions(600, 6), "sessions a second", sessions(600, 4)),
    Case("pg.statements-cancelled", at_once(*TIMEOUT * 5), "5 times", at_once(*TIMEOUT * 4)),
    Case("pg.vacuum-removes-little", vacuums(3, 40_000, 10), "120,000 dead", vacuums(2, 90_000, 1)),
    Case(
        "pg.vacuum-removes-little", vacuums(3, 50_000, 0), "removed 0", vacuums(3, 50_000, 26_000)
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.check)
def test_it_is_found_and_just_below_it_is_not(case: Case) -> None:
    [found] = findings(case.check, case.found)
    assert case.words in found.message.replace("\N{NO-BREAK SPACE}", " ")
    assert found.evidence
    assert "secret" not in repr(found)
    assert findings(case.check, case.silent) == []


def test_every_check_has_its_case() -> None:
    assert {one.check for one in CASES} == set(ALL)
    assert len(ALL) == 11


def test_a_quiet_log_has_no_findings() -> None:
    messages: Iterable[str] = (
        *[QUIET] * 50,
        "LOG:  checkpoint starting: time",
        "LOG:  connection received: host=10.0.0.7 port=5000",
        "LOG:  database system is ready to accept connections",
        "WARNING:  there is no transaction in progress",
        'ERROR:  relation "missing" does not exist at character 15',
        "STATEMENT:  SELECT * FROM missing",
    )
    text = at_once(*messages)
    assert [name for name in ALL if findings(name, text)] == []


def test_the_levels_of_what_harms_most() -> None:
    [full] = findings("pg.connections-refused", at_once(FULL))
    [crashed] = findings("pg.server-crashed", crash("was terminated by signal 11"))
    [waited] = findings("pg.lock-waits-logged", waits(3, 25_000))
    [short] = findings("pg.lock-waits-logged", waits(3, 2_000))
    levels = [one.level.name for one in (full, crashed, waited, short) if one.level]
    assert levels == ["critical", "critical", "warning", "info"]
