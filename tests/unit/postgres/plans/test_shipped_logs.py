"""Entries of auto_explain behind what containers, log shippers and cloud services add to lines."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dbtune.errors import UsageError
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.read import read_plans

SAMPLES = Path(__file__).parent / "samples"
HEAD = "2026-11-28 21:00:00.123 UTC [77] app@shop LOG:  "
OTHER = "2026-11-28 21:00:00.125 UTC [78] LOG:  checkpoint starting: time"


def lines_of(body: str) -> list[str]:
    """The lines that a server writes to stderr for an entry."""
    return [f"{HEAD}duration: 12.345 ms  plan:", *(f"\t{line}" for line in body.split("\n"))]


def docker(body: str) -> str:
    """Docker's driver json-file; it writes a tab as an escape."""
    stamp = itertools.count()
    return "".join(
        json.dumps(
            {"log": line + "\n", "stream": "stderr", "time": f"2026-11-28T21:0{next(stamp)}"}
        ).replace("\\t", "\\u0009")
        + "\n"
        for line in [OTHER, *lines_of(body), OTHER]
    )


def before(head: str) -> Callable[[str], str]:
    """Something before each line, with its number for ``{}``."""
    return lambda body: "".join(
        head.format(f"{number:09d}") + line + "\n"
        for number, line in enumerate([OTHER, *lines_of(body), OTHER])
    )


def syslog(body: str) -> str:
    """rsyslog, with lines of another process in between, each of which is a record of its own."""

    def lines() -> Iterator[str]:
        entry = ["duration: 12.345 ms  plan:", *(f"#011{one}" for one in body.split("\n"))]
        yield "[3-1] app@shop LOG:  connection authorized"
        for number, line in enumerate(entry, 1):
            text = line if number > 1 else f"app@shop LOG:  {line}"
            # At 900 bytes a line of syslog ends; what follows comes without a tab.
            for at in range(0, len(text) or 1, 120):
                yield f"[4-{number}] {text[at : at + 120]}"
        yield "[5-1] app@shop LOG:  disconnection"

    out = []
    for second, line in enumerate(lines()):
        out.append(f"Nov 28 21:00:{second % 60:02d} db1 postgres[77]: {line}\n")
        if second % 3 == 0:
            out.append(f"Nov 28 21:00:{second % 60:02d} db1 postgres[78]: [9-{second}] #011noise\n")
    return "".join(out)


def text_payload(body: str) -> str:
    """Google Cloud SQL's export: the record's lines in one string."""
    record = {"textPayload": "\n".join(lines_of(body)), "timestamp": "2026-11-28T21:00:00Z"}
    return json.dumps({"textPayload": OTHER}) + "\n" + json.dumps(record) + "\n"


def json_in_json(body: str) -> str:
    """A jsonlog that goes to a container's standard error."""
    inner = {"timestamp": "2026-11-28", "message": f"duration: 12.345 ms  plan:\n{body}"}
    return json.dumps({"log": json.dumps(inner) + "\n", "stream": "stderr"}) + "\n"


def operator(body: str) -> str:
    """CloudNativePG: csvlog's fields as an object in an object."""
    record = {"log_time": "2026-11-28", "message": f"duration: 12.345 ms  plan:\n{body}"}
    return json.dumps({"level": "info", "logger": "postgres", "record": record}) + "\n"


SHIPPERS: dict[str, Callable[[str], str]] = {
    "docker": docker,
    "compose": before("db-1  | "),
    "kubectl": before("[pod/db-0/postgres] "),
    "containerd": before("2026-11-28T21:00:00.{}Z stderr F "),
    "CloudWatch": before("2026-11-28T21:00:00.000Z "),
    "syslog": syslog,
    "Cloud SQL": text_payload,
    "JSON in JSON": json_in_json,
    "CloudNativePG": operator,
}


def found(text: str) -> Plan:
    [plan] = read_plans(text)
    return plan


@pytest.mark.parametrize("form", ["text", "json", "yaml", "xml"])
@pytest.mark.parametrize("shipper", SHIPPERS)
def test_shipped(shipper: str, form: str) -> None:
    for name in ("pg13-subplans", "pg18-literal", "pg14-triggers"):
        body = (SAMPLES / f"{name}.{form}").read_text().rstrip("\n")
        plan = found(SHIPPERS[shipper](body))
        # The duration of the log is another whole, of which nodes have another share.
        nodes = [replace(one, self_ratio=None) for one in plan.nodes]
        assert nodes == [replace(one, self_ratio=None) for one in found(body).nodes]
        assert plan.duration_ms == 12.345
        assert plan.source.origin == "log"
        assert not plan.truncated
        assert plan.query == found(body).query


def test_entries_of_two_processes_mixed_by_syslog() -> None:
    """Neither loses a line to the other."""
    bodies = [(SAMPLES / f"{name}.text").read_text() for name in ("pg13-subplans", "pg14-triggers")]

    def lines(pid: int, body: str) -> Iterator[str]:
        yield f"Nov 28 21:00:00 db1 postgres[{pid}]: [4-1] LOG:  duration: {pid}.000 ms  plan:\n"
        for number, line in enumerate(body.rstrip("\n").split("\n"), 2):
            yield f"Nov 28 21:00:00 db1 postgres[{pid}]: [4-{number}] #011{line}\n"

    mixed = itertools.zip_longest(lines(77, bodies[0]), lines(78, bodies[1]), fillvalue="")
    plans = read_plans("".join(line for pair in mixed for line in pair))
    assert [(plan.duration_ms, len(plan.nodes)) for plan in plans] == [
        (pid, len(found(body).nodes)) for pid, body in zip((77, 78), bodies, strict=True)
    ]


def test_of_a_damaged_archive_the_plans_before_the_damage_are_read() -> None:
    import gzip

    body = (SAMPLES / "pg13-subplans.text").read_text().rstrip("\n")
    text = "".join(line + "\n" for line in [*lines_of(body), OTHER]) * 50
    packed = gzip.compress(text.encode() + bytes(range(256)) * 1000)
    problems: list[UsageError] = []
    plans = read_plans(packed[: -len(packed) // 10], unreadable=problems.append)
    assert len(plans) == 50
    assert "could not be read to its end" in str(problems[0])
