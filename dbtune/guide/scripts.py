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

_KINDS = {
    Engine.postgresql: ("sql", "sql", "psql -f"),
    Engine.mongodb: ("js", "javascript", "mongosh --file"),
    Engine.redis: ("redis.txt", "text", "redis-cli <"),
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
    once = {one.finding.remedy.sql: one for one in reversed(problems) if one.finding.remedy.sql}
    seen: set[str] = set()
    for number, applies in enumerate(ORDER, start=1):
        chosen = [one for one in reversed(once.values()) if one.applies == applies]
        if chosen:
            heading = f"==== {number}. {applies}: {MEANINGS[applies]}"
            lines += ["", "", comment(mark, heading)]
        for one in chosen:
            lines += ["", comment(mark, f"problem {one.number}")]
            lines += _statements(mark, remedy_lines(mark, one.finding), seen)
    made = any(one.applies in ORDER for one in once.values())
    return Artifact(name, "\n".join(lines) + "\n", language) if made else None


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


def _file_name(target: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", target).strip("-.")[:60] or "target"
