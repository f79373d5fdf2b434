"""jsonlog (since PostgreSQL 15): an object a line, keys without a value left out.

What the server writes is found by a pattern, its keys being in one order. The same fields as some
other program has written them, also under csvlog's names, are read one object after the other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from dbtune.postgres.logs.record import Raw, Who
from dbtune.postgres.logs.stderr import DURATION

_STRING = rb'"[^"\\\n]*(?:\\.[^"\\\n]*)*"'
_WORDS = re.sub(rb"\?P<\w+>", b"", DURATION).replace(rb":\n]", rb':"\\\n]')
_EXTRA = (
    rb'(?:,"(?:detail|hint|internal_query|internal_position|context|statement|cursor_position'
    rb'|func_name|file_name|file_line_num)":(?:' + _STRING + rb"|\d+))*"
)
_RECORD = re.compile(
    rb'^(?:\{"timestamp":"(\d{4}-\d\d-\d\d \d\d)(:\d\d:\d\d\.\d{3}[^"\n]{0,20})"'
    rb'((?:,"user":' + _STRING + rb')?(?:,"dbname":' + _STRING + rb")?)"
    rb'(?:,"pid":(\d+))?((?:,"remote_host":' + _STRING + rb')?)(?:,"remote_port":\d+)?'
    rb'(?:,"session_id":"[^"\n]*")?(?:,"line_num":\d+)?(?:,"ps":' + _STRING + rb")?"
    rb'(?:,"session_start":"[^"\n]*")?(?:,"vxid":"[^"\n]*")?(?:,"txid":\d+)?'
    rb',"error_severity":"([A-Z]+\d?)"(?:,"state_code":"([0-9A-Z]+)")?'
    rb'(?:,"message":"' + _WORDS + rb'([^"\\\n]*(?:\\.[^"\\\n]*)*)")?'
    rb"(" + _EXTRA + rb')((?:,"application_name":' + _STRING + rb")?)[^\n]*\}\s*|([^\n]+))\n",
    re.MULTILINE,
)
_START = re.compile(rb"^\{", re.MULTILINE)
_DURATION = re.compile(DURATION)
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d)(:\d\d:\d\d.*)", re.DOTALL)
_NAMES = {
    "timestamp": "timestamp log_time time",
    "user": "user user_name username",
    "dbname": "dbname database_name database",
    "pid": "pid process_id processId",
    "remote_host": "remote_host connection_from",
    "error_severity": "error_severity errorLevel level",
    "state_code": "state_code sql_state_code sqlerrcode",
    "message": "message",
    "detail": "detail",
    "hint": "hint",
    "context": "context",
    "statement": "statement query",
    "application_name": "application_name",
}


class Jsonlog:
    """The records of a jsonlog."""

    name = "jsonlog"
    prefix = ""
    escape = b"\\"
    epoch = False

    def __init__(self) -> None:
        self.who = lru_cache(10_000)(self._who)

    def records(self, text: bytes) -> Iterable[Raw]:
        """The records of whole lines."""
        found = _RECORD.findall(text)
        if any(one[-1] for one in found):
            return [(_other(one[-1]) or one) if one[-1] else one for one in found]
        return found

    def cut(self, text: bytes) -> int:
        """Where the last line starts, whose end is not known."""
        return text.rfind(b"\n") + 1

    def start(self, text: bytes) -> int:
        """Where the first record starts."""
        found = _START.search(text)
        return found.start() if found else -1

    def clean(self, message: bytes) -> bytes:
        """A message without JSON's escapes."""
        if b"\\" not in message:
            return message
        try:
            return str(json.loads(b'"' + message + b'"')).encode(errors="replace")
        except ValueError:
            return message

    def __reduce__(self) -> tuple[type[Jsonlog], tuple[()]]:
        return Jsonlog, ()

    def _who(self, parts: tuple[bytes, bytes, bytes]) -> Who:
        found = _object(b"".join(parts))
        return Who(
            found.get("user", ""),
            found.get("dbname", ""),
            found.get("application_name", ""),
            found.get("remote_host", ""),
        )

    def extras(self, tail: bytes) -> Mapping[str, str]:
        """Detail, hint, context and statement."""
        found = _object(tail)
        return {
            name: str(found[name])
            for name in ("detail", "hint", "context", "statement")
            if name in found
        }


def _object(members: bytes) -> dict[str, Any]:
    """Members of an object, each with a comma before it."""
    if not members:
        return {}
    try:
        found = json.loads(b"{" + members[1:] + b"}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _other(line: bytes) -> Raw | None:
    """A record whose keys have another order or other names; ``None`` if it is none."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return from_fields(data) if isinstance(data, dict) else None


def from_fields(data: Mapping[str, Any]) -> Raw | None:
    """A record from its fields; ``None`` if they are not those of a server's log."""
    have: dict[str, str] = {}
    for name, others in _NAMES.items():
        value = next((data[one] for one in others.split() if data.get(one) not in (None, "")), None)
        if isinstance(value, str | int | float):
            have[name] = str(value)
    stamp = _STAMP.match(have.get("timestamp", ""))
    if stamp is None or "message" not in have or "error_severity" not in have:
        return None
    words = _DURATION.match(have["message"].encode(errors="replace"))
    assert words is not None  # it matches nothing, too
    host = have.get("remote_host", "")
    if "connection_from" in data:
        host = host.rpartition(":")[0] or host
    return (
        f"{stamp[1]} {stamp[2]}".encode(),
        stamp[3].encode(errors="replace"),
        _members({"user": have.get("user", ""), "dbname": have.get("dbname", "")}),
        have.get("pid", "").encode(errors="replace"),
        _members({"remote_host": host}),
        have["error_severity"].upper().encode(errors="replace"),
        have.get("state_code", "").encode(errors="replace"),
        words["duration"] or b"",
        words["kind"] or b"",
        _escaped(words.string[words.end() :].decode()),
        _members({name: have.get(name, "") for name in ("detail", "hint", "context", "statement")}),
        _members({"application_name": have.get("application_name", "")}),
        b"",
    )


def _escaped(text: str) -> bytes:
    return json.dumps(text).encode()[1:-1]


def _members(values: Mapping[str, str]) -> bytes:
    return b"".join(
        f",{json.dumps(name)}:{json.dumps(value)}".encode()
        for name, value in values.items()
        if value
    )
