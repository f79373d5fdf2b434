"""log_line_prefix: as it stands in the configuration, and read off lines."""

from __future__ import annotations

import random
import re

import pytest

from dbtune.errors import UsageError
from dbtune.postgres.logs.infer import infer
from dbtune.postgres.logs.prefix import Prefix, compile_prefix
from dbtune.postgres.logs.record import Who
from dbtune.postgres.logs.stderr import Stderr

PREFIXES = [
    "%m [%p] ",
    "%m [%p] %q%u@%d ",
    "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%m [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%t:%r:%u@%d:[%p]:",
    "%t-%c-",
    "< %m >",
    "%m %p %u %d %h ",
    "%m [%p] %q[user=%u,db=%d,app=%a] ",
    "%n [%p] ",
    "%m|%u|%d|%c|",
    "%m [%p]: [%l-1] %u@%d ",
    "[%p] %t ",
    "%t %u %d %r [%p] ",
    "user=%u,db=%d,host=%h,pid=%p,time=%m: ",
    "%m %b[%p] %q[%a] ",
    "%t [%p]: %e %u@%d %a ",
    "%m [%p] app=%a,u=%u,d=%d,h=%r,xid=%x,qid=%Q ",
    "%t %p %v ",
    "%m [%p] %q%a/%u@%d %h: ",
]
NAMES = {"u": "user", "d": "database", "a": "application", "h": "host", "r": "host"}
MESSAGES = [
    "LOG:  duration: 1.125 ms  statement: SELECT 'LOG:  x'",
    'ERROR:  relation "x" does not exist at character 15',
    "DETAIL:  parameters: $1 = 'ERROR:  y'",
    "LOG:  checkpoint starting: time",
]


def value(letter: str, number: int) -> str:
    """What a server writes for an escape; every third line is of no session."""
    chance = random.Random(number * 100 + ord(letter))
    session = number % 3 != 0
    second = number % 60
    of_session = {
        "u": chance.choice(["app", "postgres", "web_user"]),
        "d": chance.choice(["shop", "billing", "postgres"]),
        "a": chance.choice(["psql", "pgbench", "PostgreSQL JDBC Driver", "[unknown]", ""]),
        "h": chance.choice([f"10.0.0.{number % 20}", "[local]", "db-1.example.com", "fe80::1"]),
        "r": f"10.0.0.{number % 20}({40000 + number})",
    }
    if letter in of_session:
        return of_session[letter] if session else ""
    return {
        "m": f"2026-11-28 23:{second:02d}:{second:02d}.{number % 1000:03d} UTC",
        "t": f"2026-11-28 23:{second:02d}:{second:02d} CET",
        "n": f"17643712{number % 100:02d}.{number % 1000:03d}",
        "p": str(20001 + number % 7),
        "l": str(number % 50 + 1),
        "c": f"6747a{number % 4000:03x}.{1000 + number:x}",
        "x": str(number % 2 * 7000),
        "v": f"{number % 9}/{number}",
        "e": chance.choice(["42P01", "57014"]) if number % 9 == 0 else "00000",
        "b": "client backend" if session else "checkpointer",
        "Q": str(number * 7 - 100),
    }[letter]


def line(prefix: str, number: int) -> bytes:
    head, _, tail = prefix.partition("%q")
    text = head + (tail if number % 3 else "")
    text = re.sub(r"%([a-zA-Z])", lambda found: value(found[1], number), text)
    return (text + MESSAGES[number % len(MESSAGES)]).encode()


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_is_read_off_the_lines(prefix: str) -> None:
    lines = [line(prefix, number) for number in range(1, 400)]
    guess = infer(lines)
    assert guess is not None
    assert guess.share == 1
    same_kinds = re.sub("%[lxQ]", "%#", prefix)
    assert re.sub("%[lxQ]", "%#", guess.prefix.text) == same_kinds
    records = list(Stderr(guess.prefix).records(b"\n".join(lines) + b"\n"))
    given = list(Stderr(compile_prefix(prefix)).records(b"\n".join(lines) + b"\n"))
    assert [one[-1] for one in records] == [b""] * len(lines)
    assert records == given


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_a_prefix_tells(prefix: str) -> None:
    """User, database, application, host, process and time of each line."""
    format_ = Stderr(compile_prefix(prefix))
    for number in range(1, 30):
        [record] = format_.records(line(prefix, number) + b"\n")
        hour, rest, who0, pid, who1, level, state = record[:7]
        who = format_.who((who0, who1, record[11]))
        told = {
            name: value(letter, number).partition("(")[0].replace("[unknown]", "")
            for letter, name in NAMES.items()
            if f"%{letter}" in prefix
        }
        assert who == Who(**told)
        letter = next((one for one in "pc" if f"%{one}" in prefix), "")
        assert pid.decode() == (value(letter, number) if letter else "")
        stamp = next(one for one in "mtn" if f"%{one}" in prefix)
        assert (hour + rest).decode() == value(stamp, number)
        assert level.decode() == MESSAGES[number % len(MESSAGES)].partition(":")[0]
        assert state.decode() == (value("e", number) if "%e" in prefix else "")


def test_padding_and_verbose_errors() -> None:
    format_ = Stderr(compile_prefix("%-20u|%5p|%t "))
    [record] = format_.records(
        b"alice               |   42|2026-11-28 21:00:00 UTC LOG:  00000: duration: 1.5 ms\n"
    )
    assert format_.who((record[2], record[4], record[11])).user == "alice"
    assert record[3] == b"42"
    assert record[6] == b"00000"
    assert record[7] == b"1.5"


def test_an_unknown_escape_is_refused() -> None:
    with pytest.raises(UsageError, match="no %y"):
        compile_prefix("%m %y ")


def test_lines_that_are_no_log() -> None:
    assert infer([b"total 12", b"drwxr-xr-x 2 root root 4096 LOG"]) is None
    assert infer([]) is None


def test_names_with_what_follows_them_in_them() -> None:
    """An application whose name has a comma is read by the second, slower pattern."""
    format_ = Stderr(compile_prefix("%m [%p] app=%a,db=%d "))
    text = (
        b"2026-11-28 21:00:00.000 UTC [1] app=a,b,db=shop LOG:  duration: 1.0 ms\n"
        b"2026-11-28 21:00:00.000 UTC [1] app=c,db=shop LOG:  duration: 2.0 ms\n"
    )
    told = [format_.who((one[2], one[4], one[11])) for one in format_.records(text)]
    assert told == [Who(database="shop", application="a,b"), Who(database="shop", application="c")]


def test_prefix_is_compiled_once_and_sent_to_other_processes() -> None:
    import pickle

    prefix = compile_prefix("%m [%p] %u@%d ")
    again = pickle.loads(pickle.dumps(Stderr(prefix)))
    assert isinstance(prefix, Prefix)
    assert again.prefix == "%m [%p] %u@%d "
