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
    Engine.postgresql: ("sql", "sql", "psql -f {}"),
    Engine.mongodb: ("js", "javascript", "mongosh --file {}"),
    # redis-cli knows no comments.
    Engine.redis: ("redis.txt", "text", "grep '^[^#]' {} | redis-cli"),
}
_FILES = {Engine.postgresql: "postgresql.conf", Engine.mongodb: "mongod.conf"}
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
        comment(
            mark, f"Read each before it runs; then, as a whole or in parts: {runs.format(name)}"
        ),
    ]
    once = {
        (one.finding.remedy.sql, one.finding.remedy.config): one
        for one in reversed(problems)
        if one.applies in ORDER and (one.finding.remedy.sql or one.finding.remedy.config)
    }
    seen: set[str] = set()
    chosen = {
        applies: [one for one in reversed(once.values()) if one.applies == applies]
        for applies in ORDER
        if any(one.applies == applies for one in once.values())
    }
    for number, (applies, these) in enumerate(chosen.items(), start=1):
        lines += ["", "", comment(mark, f"==== {number}. {applies}: {MEANINGS[applies]}")]
        for one in these:
            lines += ["", comment(mark, f"problem {one.number}")]
            lines += _statements(mark, remedy_lines(mark, one.finding), seen)
            lines += _configuration(mark, one.finding.remedy.config, material.engine)
    return Artifact(name, "\n".join(lines) + "\n", language) if once else None


def _statements(mark: str, lines: Sequence[str], seen: set[str]) -> Iterator[str]:
    """Lines of a remedy: as comments what stands above already, or needs a person's eyes."""
    for line in lines:
        if line.startswith(mark):
            yield line
        elif "(...)" in line:
            yield f"{mark} name what is meant: {line}"
        elif "pg_terminate_backend" in line:  # its number may be another's by now
            yield f"{mark} if it is still that session: {line}"
        elif line in seen and line.endswith(";") and line not in _OFTEN:
            yield f"{mark} as above: {line}"
        else:
            yield line
            seen.add(line)


def _configuration(mark: str, config: str, engine: Engine) -> Iterator[str]:
    """What belongs into a file of the server: no statement does that, but Redis takes both."""
    lines = [visible(line) for line in config.splitlines()]
    if engine is Engine.redis and "..." not in config:
        for line in lines:
            name, _, value = line.partition(" ")
            yield line if line.startswith(mark) else f'CONFIG SET {name} "{value}"'
        if any(not line.startswith(mark) for line in lines):
            yield f"{mark} and in redis.conf, or by CONFIG REWRITE, for good"
    elif lines:
        yield f"{mark} in {_FILES.get(engine, 'redis.conf')}:"
        yield from (f"{mark}   {line}" for line in lines)


def _file_name(target: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", target).strip("-.")[:60] or "target"
