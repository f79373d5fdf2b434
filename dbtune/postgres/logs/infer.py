"""The log_line_prefix of a log whose configuration nobody has: read off its lines.

The beginning of each line, up to the severity, is made a template: times, addresses, numbers and
``key=value`` pairs are recognised by their form. The template that matches most lines wins. What
cannot be told apart by its form (a word may be a user, a database or an application) is taken in
the order in which people write it: user, database, application.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from dbtune.postgres.logs.language import WORDS
from dbtune.postgres.logs.prefix import Prefix, compile_prefix

LEVELS = (
    "DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|STATEMENT|CONTEXT|QUERY"
    f"|LOCATION|BACKTRACE|{WORDS}"
)
COLON = rb"(?: |\xc2\xa0)?:"
"""Behind a severity; in French after a space."""
_LEVEL = re.compile(rb"(?<![A-Za-z])(?:" + LEVELS.encode() + rb")" + COLON + rb"  ")
_LONGEST = 500
"""Bytes in which the severity has to come."""
_MOST_TEMPLATES = 40
_ENOUGH = 0.8
"""The least share of lines that a prefix must match; else only time and process are looked for."""

_KEYS = {
    "u": "u usr user username user_name role",
    "d": "d db dbname database database_name datname",
    "a": "a app appname application application_name app_name",
    "h": "h host client client_addr remote remote_host addr ip source r from",
    "p": "p pid process proc process_id",
    "x": "x tx xid txid trans transaction transaction_id xact",
    "v": "v vx vxid virtual",
    "l": "l line seq ln n line_num",
    "c": "c s sess session session_id sid",
    "e": "e code sqlstate state state_code sqlcode err error",
    "Q": "q qid queryid query_id",
    "b": "b bt type backend backend_type",
    "i": "i ps cmd command tag command_tag",
    "s": "start session_start sess_start",
}
_LETTER_OF = {key: letter for letter, keys in _KEYS.items() for key in keys.split()}
_BACKENDS = re.compile(
    r"client backend|checkpointer|background writer|walwriter|archiver|startup|logger|walsender"
    r"|postmaster|autovacuum launcher|autovacuum worker|parallel worker|logical replication \w+"
    r"|walreceiver|walsummarizer|slotsync worker|io worker|not initialized"
)
_IN_BRACKETS = r"\[(?:local|unknown)\]"
_WORD = r"[^\W\d][\w.$-]*"
_TAGS = (
    r"\b(?:SELECT|INSERT|UPDATE|DELETE|MERGE|BEGIN|COMMIT|ROLLBACK|SET|COPY|idle|authentication)\b"
)


def _one(letter: str) -> Callable[[re.Match[str]], str]:
    return lambda _found: f"%{letter}"


def _same(found: re.Match[str]) -> str:
    return found[0].replace("%", "%%")


def _pair(found: re.Match[str]) -> str:
    key, value = found["key"], found["value"]
    letter = _LETTER_OF.get(key.lower(), "")
    if letter == "h" and re.fullmatch(r".*\(\d+\)", value):
        letter = "r"
    if letter == "c" and not re.fullmatch(r"[0-9a-f]+\.[0-9a-f]+", value):
        letter = "l" if value.isdigit() else ""
    if not letter:
        letter = _by_form(value)
    return f"{key}=%{letter}"


def _by_form(value: str) -> str:
    for form, letter in (
        (r"[0-9a-f]+\.[0-9a-f]+", "c"),
        (r"-?\d+/\d+", "v"),
        (r"\d+", "x"),
        (r".*\(\d+\)", "r"),
    ):
        if re.fullmatch(form, value):
            return letter
    return "*"


_ADDRESS = r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:]*:[0-9a-fA-F:.]*)"
_TOKENS: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}(?: (?:[A-Za-z]{2,10}|[+-]\d\d(?::?\d\d)?))?",
        _one("m"),
    ),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?: (?:[A-Za-z]{2,10}|[+-]\d\d(?::?\d\d)?))?", _one("t")),
    (r"\d{10}\.\d{3}(?!\d)", _one("n")),
    (rf"{_WORD}=(?=\d{{4}}-\d\d-\d\d |\d{{10}}\.)", _same),
    (rf"(?P<key>{_WORD})=(?P<value>{_IN_BRACKETS}|[^,;|\s(\])}}\"]*(?:\(\d+\))?)", _pair),
    (r"\b(?:psql|pgbench|pg_dump|pg_restore|pgAdmin|DBeaver|PostgreSQL JDBC Driver)\b", _one("a")),
    (rf"(?:{_ADDRESS}|{_WORD})\(\d+\)", _one("r")),
    (rf"\[local\]|{_ADDRESS}(?![\w.])", _one("h")),
    (r"[0-9a-f]{6,9}\.[0-9a-f]{1,8}(?![\w.])", _one("c")),
    (r"-?\d+/\d+", _one("v")),
    (r"\[\d+-1\]", lambda _: "[%l-1]"),
    (r"[^\s@,:;|/=\[\]()<>]*@[^\s@,:;|/=\[\]()<>]*", lambda _: "%u@%d"),
    (_BACKENDS.pattern, _one("b")),
    (r"\b(?:00000|(?=\d*[A-Z])(?=[A-Z]*\d)[0-9A-Z]{5})\b(?!\.)", _one("e")),
    (_TAGS, _one("i")),
    (r"(?:(?<=[\s=,(\[])-)?\d+", _one("#")),
    (rf"{_WORD}|\[unknown\]", _one("w")),
    (r".", _same),
)
_TOKEN = re.compile(
    "|".join(f"(?P<t{at}>{form})" for at, (form, _) in enumerate(_TOKENS)), re.DOTALL
)


class Guess(NamedTuple):
    """A prefix that was inferred.

    Attributes:
        prefix: its pattern.
        share: how much of the lines it matches.
        ambiguous: users, databases or applications were told apart by their order only.
    """

    prefix: Prefix
    share: float
    ambiguous: bool = False


def infer(lines: Sequence[bytes], before: bytes = b"") -> Guess | None:
    """The prefix of a log's lines; ``None`` if they are no log in stderr's format.

    Args:
        lines: some of them, from anywhere.
        before: a pattern for what stands before the prefix.
    """
    heads = [
        line[: found.start()]
        for line in lines
        if line[:1] not in (b"{", b"\t") and (found := _LEVEL.search(line[:_LONGEST]))
    ]
    strip = re.compile(before)
    heads = [head[found.end() :] for head in heads if (found := strip.match(head))]
    if not heads:
        return None
    texts = [head.decode("latin-1") for head in heads]
    templates = Counter(map(_template, texts))
    best: Guess | None = None
    for raw in _candidates(templates):
        text, ambiguous = _lettered(raw)
        prefix = compile_prefix(text, before=before)
        pattern = re.compile(compile_prefix(text).pattern)
        share = sum(pattern.fullmatch(head) is not None for head in heads) / len(heads)
        known = 0 if best is None else _fields(best.prefix.text)
        if (
            best is None
            or share > best.share + 0.005
            or (share >= best.share and _fields(text) > known)
        ):
            best = Guess(prefix, share, ambiguous)
    if best is None or best.share < _ENOUGH:
        return _any_prefix(heads, before)
    return best


def _fields(text: str) -> int:
    return len(set(re.findall(r"%([udahrp])", text)))


def _template(text: str) -> str:
    """A line's beginning with escapes for what is recognised; ``%#`` a number, ``%w`` a word."""
    parts = []
    for found in _TOKEN.finditer(text):
        number = next(at for at in range(len(_TOKENS)) if found[f"t{at}"] is not None)
        parts.append(_TOKENS[number][1](found))
    return "".join(parts)


def _candidates(templates: Counter[str]) -> list[str]:
    """The most frequent templates, and pairs of which one goes on where the other ends (``%q``)."""
    most = [one for one, _ in templates.most_common(_MOST_TEMPLATES)]
    joined = []
    for short in most:
        for long in most:
            if short != long and long.startswith(short.rstrip(" ")) and short.rstrip(" "):
                common = short.rstrip(" ")
                joined.append(f"{common}%q{long[len(common) :]}")
                joined.append(f"{short}%q{long[len(short) :]}" if long.startswith(short) else "")
    return [*most, *dict.fromkeys(one for one in joined if one)]


def _lettered(template: str) -> tuple[str, bool]:
    """A template with letters for its numbers and words; and whether words had to be guessed."""
    free = [one for one in "uda" if f"%{one}" not in template]
    numbers = ["p", "l", "x", "x", "x"] if "%p" not in template else ["l", "x", "x", "x"]
    if "%l" in template and "l" in numbers:
        numbers.remove("l")
    ambiguous = False
    out = []
    for part in re.split(r"(%[#w])", template):
        if part == "%#":
            out.append(f"%{numbers.pop(0)}" if numbers else "%*")
        elif part == "%w":
            out.append(f"%{free.pop(0)}" if free else "%*")
            ambiguous = True
        else:
            out.append(part)
    return "".join(out), ambiguous


_PID_IN = re.compile(rb"\[(\d+)\]")


def _any_prefix(heads: Sequence[bytes], before: bytes) -> Guess | None:
    """Only what is in any order: a time, and a process in brackets."""
    stamp = re.compile(compile_prefix("%t").pattern)
    timed = sum(stamp.search(head) is not None for head in heads) / len(heads)
    if timed < _ENOUGH:
        return None
    process = sum(_PID_IN.search(head) is not None for head in heads) / len(heads) > _ENOUGH
    text = "%*%t%*[%p]%*" if process else "%*%t%*"
    return Guess(compile_prefix(text, before=before), timed)
