"""``dbtune rules``: list and explain every rule."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated

import typer

from dbtune.cli import complete
from dbtune.cli.command import Run, command, new_app
from dbtune.errors import UsageError
from dbtune.finding import Check, load_checks
from dbtune.health.selection import is_named
from dbtune.report import Column, Report, Table, record
from dbtune.text import plain

CHECK_PACKAGES = (
    "dbtune.postgres.health.checks",
    "dbtune.postgres.statements.checks",
    "dbtune.postgres.logs.checks",
    "dbtune.postgres.plans.checks",
    "dbtune.postgres.plan_diff.checks",
    "dbtune.postgres.plan_policy.checks",
    "dbtune.postgres.config.checks",
    "dbtune.postgres.bloat.checks",
    "dbtune.postgres.caching.checks",
    "dbtune.postgres.indexes.checks",
    "dbtune.compare.checks",
    "dbtune.pooling.checks",
    "dbtune.mongo.checks",
    "dbtune.mongo.health.checks",
    "dbtune.mongo.plans.checks",
    "dbtune.mongo.indexes.checks",
    "dbtune.mongo.storage.checks",
    "dbtune.pgbouncer.health.checks",
    "dbtune.redis.checks",
    "dbtune.redis.memory.checks",
    "dbtune.redis.cache.checks",
    "dbtune.redis.health.checks",
)
"""Every package of checks; a new check needs no entry, a new package does."""

RULES = Table(
    "rules",
    "",
    (
        Column("rule", "rule", "text", "Name of the rule."),
        Column("level", "level", "text", "Level of its findings unless one says otherwise."),
        Column("title", "what is wrong", "text", "What is wrong, in one line."),
        Column("thresholds", "thresholds", "object", "Thresholds and their defaults.", None),
    ),
)
RULE = (
    Column("rule", "rule", "text", "Name of the rule."),
    Column("title", "what is wrong", "text", "What is wrong, in one line."),
    Column("level", "level", "text", "Level of its findings unless one says otherwise."),
    Column("confidence", "confidence", "text", "How sure its findings are."),
    Column("why", "why", "text", "Why it matters."),
    Column("mistaken_when", "mistaken when", "text", "When a finding is wrong."),
    Column("remedy", "remedy", "text", "What to do."),
    Column("verify", "check", "text", "How to see whether it helped."),
    Column("thresholds", "thresholds", "list", "Thresholds and their defaults."),
)
TABLES = (RULES, Table("rule", "", RULE, record=True))

app = new_app()


@command(
    app,
    target="none",
    epilog="Examples: dbtune rules pg.n-plus-one; dbtune rules 'redis.*'; dbtune rules vacuum",
)
def rules(
    run: Run,
    name: Annotated[
        str | None,
        typer.Argument(
            help="A rule to explain, or a pattern or tag of rules to list; without it all are "
            "listed.",
            autocompletion=complete.rules,
        ),
    ] = None,
) -> Report:
    """List rules, or explain one."""
    checks = [one for package in CHECK_PACKAGES for one in load_checks(package)]
    found = next((one for one in checks if one.name == name), None)
    if found is None:
        listed = [one for one in checks if name is None or is_named(one, name)]
        if not listed:
            words = {word for one in checks for word in (one.name, *one.tags)}
            close = get_close_matches(str(name), sorted(words), n=1)
            hint = f"; did you mean {close[0]}?" if close else "; list them with: dbtune rules"
            raise UsageError(f"no rule {plain(str(name))!r}{hint}")
        return Report("rules", (_listed(sorted(listed, key=lambda one: one.name)),))
    documentation = found.documentation
    values = {
        "rule": found.name,
        "title": found.title,
        "level": found.level.name,
        "confidence": found.confidence.value,
        "why": documentation.get("Why", ""),
        "mistaken_when": documentation.get("Mistaken when", ""),
        "remedy": documentation.get("Remedy", ""),
        "verify": documentation.get("Verify"),
        "thresholds": [f"{key}={value}" for key, value in found.thresholds.items()],
    }
    return Report("rules", (record("rule", "", RULE, values),))


def _listed(checks: list[Check]) -> Table:
    rows = tuple(
        {
            "rule": one.name,
            "level": one.level.name,
            "title": one.title,
            "thresholds": one.thresholds,
        }
        for one in checks
    )
    return Table(RULES.name, RULES.title, RULES.columns, rows)
