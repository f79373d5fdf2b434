"""Remedies as scripts: one for each target, what costs least first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dbtune.guide.material import Material
from dbtune.guide.model import Problem
from dbtune.guide.ranking import MEANINGS, ORDER
from dbtune.profile import Engine
from dbtune.render.sql import MARKS, comment, remedy_lines
from dbtune.report import Artifact
from dbtune.text import visible

_KINDS = {
    Engine.postgresql: ("sql", "sql", "psql -f"),
    Engine.mongodb: ("js", "javascript", "mongosh --file"),
    Engine.redis: ("redis.txt", "text", "redis-cli <"),
}


_FILES = {
    Engine.postgresql: "postgresql.conf",
    Engine.mongodb: "mongod.conf",
    Engine.redis: "redis.conf, or by CONFIG SET",
}
_OFTEN = frozenset({"SELECT pg_reload_conf();"})
"""Statements that belong to each remedy that has them."""


def script(material: Material, problems: Sequence[Problem]) -> Artifact | None:
    """The statements of a target's remedies, the same ones once; ``None`` if there are none.

    Args:
        material: the target.
        problems: its problems, worst first.
    """
    suffix, language, runs = _KINDS[material.engine]
    mark = MARKS.get(material.engine.value, "--")
    name = f"remedies-{_file_name(material.name)}.{suffix}"
    lines = [
        comment(mark, f"Remedies for {material.name}, {material.server}, by dbtune report"),
        comment(mark, f"at {material.collected_at:%Y-%m-%d %H:%M:%S %Z}".rstrip()),
        comment(mark, f"Read each before it runs; then, as a whole or in parts: {runs} {name}"),
    ]
    once = {
        (one.finding.remedy.sql, one.finding.remedy.config): one
        for one in reversed(problems)
        if one.applies in ORDER and (one.finding.remedy.sql or one.finding.remedy.config)
    }
    seen: set[str] = set()
    for number, applies in enumerate(ORDER, start=1):
        chosen = [one for one in reversed(once.values()) if one.applies == applies]
        if chosen:
            heading = f"==== {number}. {applies}: {MEANINGS[applies]}"
            lines += ["", "", comment(mark, heading)]
        for one in chosen:
            lines += ["", comment(mark, f"problem {one.number}")]
            lines += _statements(mark, remedy_lines(mark, one.finding), seen)
            lines += _configuration(mark, one.finding.remedy.config, _FILES[material.engine])
    return Artifact(name, "\n".join(lines) + "\n", language) if once else None


def _statements(mark: str, lines: Sequence[str], seen: set[str]) -> Iterator[str]:
    """Lines of a remedy: what stands above already, or needs a person's words, as comments."""
    for line in lines:
        if "(...)" in line and not line.startswith(mark):
            yield f"{mark} name what is meant: {line}"
        elif line in seen and line.endswith(";") and line not in _OFTEN:
            yield f"{mark} as above: {line}"
        else:
            yield line
            seen.add(line)


def _configuration(mark: str, config: str, file: str) -> Iterator[str]:
    """What belongs into a file of the server: no statement does that."""
    if config:
        yield f"{mark} in {file}:"
        yield from (f"{mark}   {visible(line)}" for line in config.splitlines())


def _file_name(target: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", target).strip("-.")[:60] or "target"
