"""csvlog: 23 columns up to PostgreSQL 12, 24 in 13, 26 since 14."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from dbtune.logs.blocks import decoded
from dbtune.postgres.logs.record import Raw, Who
from dbtune.postgres.logs.stderr import DURATION

_FIELD = rb'(?:"[^"]*(?:""[^"]*)*"|[^",\n]*)'
_WORDS = re.sub(rb"\?P<\w+>", b"", DURATION)
_HOUR, _REST = rb"\d{4}-\d\d-\d\d \d\d", rb":\d\d:\d\d\.\d{3}[^,\n]{0,20}"
_RECORD = re.compile(
    rb"^(?:(" + _HOUR + rb")(" + _REST + rb"),"  # log_time
    rb"(" + _FIELD + rb"," + _FIELD + rb"),"  # user_name, database_name
    rb'(\d*),("?[^":,\n]*)[^,\n]*,'  # process_id, connection_from without its port
    rb"[^,\n]*,\d*," + _FIELD + rb",[^,\n]*,[^,\n]*,\d*,"  # session_id ... transaction_id
    rb"([^\W\d]+\d?|[^\x00-\x7f]+),([0-9A-Z]*),"  # error_severity, sql_state_code
    rb'"?' + _WORDS + rb'((?:[^"]*(?:""[^"]*)*)(?="))?"?'  # message
    # detail, hint, internal_query, internal_query_pos, context, query, query_pos, location
    rb"((?:," + _FIELD + rb"){8}),(" + _FIELD + rb")"  # application_name
    rb"[^\n]*|([^\n]+))\n",
    re.MULTILINE,
)
_START = re.compile(
    rb"^" + _HOUR + _REST + rb"," + _FIELD + rb"," + _FIELD + rb",\d*,"
    rb'(?:"[^"\n]*")?,[0-9a-f]*\.?[0-9a-f]*,\d*,',
    re.MULTILINE,
)
_EXTRAS = ("detail", "hint", "", "", "context", "statement", "", "")


class Csvlog:
    """The records of a csvlog."""

    name = "csvlog"
    prefix = ""
    escape = b'""'
    epoch = False

    def __init__(self) -> None:
        self.who = lru_cache(10_000)(self._who)

    def records(self, text: bytes) -> Iterable[Raw]:
        """The records of whole lines."""
        return _RECORD.findall(text)

    def cut(self, text: bytes) -> int:
        """Where the last record starts."""
        end = len(text)
        while (end := text.rfind(b"\n", 0, end)) >= 0:
            if _START.match(text, end + 1):
                return end + 1
        return 0

    def start(self, text: bytes) -> int:
        """Where the first record starts."""
        found = _START.search(text)
        return found.start() if found else -1

    def clean(self, message: bytes) -> bytes:
        """A message with its quotes not doubled."""
        return message.replace(b'""', b'"')

    def __reduce__(self) -> tuple[type[Csvlog], tuple[()]]:
        return Csvlog, ()

    def _who(self, parts: tuple[bytes, bytes, bytes]) -> Who:
        user, database = _row(parts[0])[:2]
        host = decoded(parts[1]).strip('"')
        application = (_row(parts[2]) or [""])[0]
        return Who(user, database, application, host)

    def extras(self, tail: bytes) -> Mapping[str, str]:
        """Detail, hint, context and statement."""
        if tail.count(b",") == len(tail):
            return {}
        values = _row(tail[1:])
        return {name: value for name, value in zip(_EXTRAS, values, strict=False) if name and value}


def _row(raw: bytes) -> list[str]:
    try:
        return next(csv.reader([decoded(raw)], strict=False), [])
    except csv.Error:
        return []
