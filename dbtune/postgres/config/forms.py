"""The files: a configuration file, an ALTER SYSTEM script, a JSON object."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import StrEnum

from dbtune import __version__
from dbtune.errors import UsageError
from dbtune.finding import Finding, Level
from dbtune.postgres.config.budget import Budget
from dbtune.postgres.config.guc import Guc, Value
from dbtune.postgres.config.inputs import Inputs
from dbtune.postgres.config.measured import lines
from dbtune.postgres.config.plan import Decision, Plan
from dbtune.postgres.config.rules.logging import libraries
from dbtune.postgres.config.services import TARGETS, service_artifact
from dbtune.report import Artifact
from dbtune.text import bytes_text, plain

_WIDTH = 80
_LISTS = ("shared_preload_libraries",)


class Form(StrEnum):
    """What is generated."""

    conf = "conf"
    alter_system = "alter-system"
    json = "json"
    undo = "undo"
    docker = "docker"
    kubernetes = "kubernetes"
    rds = "rds"
    aurora = "aurora"
    cloudsql = "cloudsql"
    azure = "azure"


def artifact(form: Form, plan: Plan, budget: Budget, findings: Sequence[Finding] = ()) -> Artifact:
    """The file in one of its forms.

    Raises:
        UsageError: the target does not take that form.
    """
    if form is Form.json:
        return Artifact("postgresql-settings.json", json_text(plan), "json")
    if form.value in TARGETS:
        return service_artifact(form.value, plan)
    if form is Form.undo:
        _refuse_alter_system(plan)
        return Artifact("postgresql-settings-undo.sql", undo_text(plan), "sql")
    if form is Form.alter_system:
        _refuse_alter_system(plan)
        lines = _lines(plan, budget, findings, "--", _HOW_SQL)
        if plan.changes:
            lines += ["", "-- Read what needs no restart:", "SELECT pg_reload_conf();"]
        return Artifact("postgresql-settings.sql", "\n".join(lines) + "\n", "sql")
    lines = _lines(plan, budget, findings, "#", _HOW_CONF)
    return Artifact("dbtune.conf", "\n".join(lines) + "\n", "ini")


_HOW_CONF = (
    "Save this file in the folder that include_dir names in postgresql.conf, or append it there. "
    "What is marked [restart] counts after a restart, [reload] after SELECT pg_reload_conf()."
)
_HOW_SQL = (
    "Run this with psql as a superuser; ALTER SYSTEM writes postgresql.auto.conf. What is marked "
    "[restart] counts after a restart. ALTER SYSTEM RESET name takes one back."
)


def conf_value(guc: Guc, value: Value) -> str:
    """A value as it stands in a configuration file; strings in quotes."""
    text = guc.text(value)
    return _quoted(text) if guc.kind == "string" else text


def alter_system(decision: Decision) -> str:
    """The ALTER SYSTEM statement of a setting."""
    text = decision.guc.text(decision.value)
    # One literal 'a, b' would be taken for a single library of that name, and the server would
    # not start again: the elements of a list are literals of their own.
    items = libraries(text) if decision.name in _LISTS else [text]
    return f"ALTER SYSTEM SET {decision.name} = {', '.join(_quoted(item) for item in items)};"


def undo_text(plan: Plan) -> str:
    """What takes an ALTER SYSTEM script back: make it before that is run.

    A value that ALTER SYSTEM itself had set comes back; of all others only the line is taken away
    that the script adds, so that configuration file, command line or default count again.
    """
    lines = ["-- Takes the settings of dbtune gen-config postgresql --form alter-system back."]
    for one in plan.changes:
        current = one.current
        if current is not None and current.by_alter_system:
            lines.append(alter_system(replace(one, value=current.value)))
        else:
            lines.append(f"ALTER SYSTEM RESET {one.name};")
    restart = ", ".join(one.name for one in plan.changes if one.guc.apply == "restart")
    lines.append("SELECT pg_reload_conf();")
    if restart:
        lines.append(f"-- These count after a restart: {restart}")
    return "\n".join(lines) + "\n"


def json_text(plan: Plan) -> str:
    """Name and value as strings: what Patroni's and CloudNativePG's ``parameters`` take."""
    import json

    values = {one.name: one.guc.text(one.value) for one in plan.changes}
    return json.dumps(values, indent=2) + "\n"


def _refuse_alter_system(plan: Plan) -> None:
    server = plan.server
    if server is None:
        return
    if server.provider:
        raise UsageError(
            f"ALTER SYSTEM does not work at {server.provider}: use --form json and set the values "
            "in the service's parameter group or flags"
        )
    if server.value("allow_alter_system") is False:
        raise UsageError("allow_alter_system is off on that server: use --form conf or json")


def _lines(
    plan: Plan, budget: Budget, findings: Sequence[Finding], mark: str, how: str
) -> list[str]:
    """Header, then the settings by group, each under its comment."""
    made = [_comment_line(mark, line) for line in _header(plan, budget, findings, how)]
    group = ""
    for decision in plan.changes:
        assert decision.rule is not None
        if decision.rule.group != group:
            group = decision.rule.group
            made += ["", f"{mark} {f' {group} ':-^{_WIDTH - len(mark) - 1}}"]
        comment = _comment(decision, plan.inputs.version)
        made += ["", *(_comment_line(mark, line) for line in comment)]
        made.append(
            f"{decision.name} = {conf_value(decision.guc, decision.value)}"
            if mark == "#"
            else alter_system(decision)
        )
    return made


def _header(plan: Plan, budget: Budget, findings: Sequence[Finding], how: str) -> Iterator[str]:
    yield f"PostgreSQL {plan.inputs.version} settings by dbtune {__version__}"
    yield ""
    yield "Made from:"
    for name, value, source in facts(plan.inputs):
        yield f"  {name:<12} {value:<10} ({plain(source)})"
    if known := list(lines(plan.measured)):
        yield ""
        yield "Measured there:"
        for line in known:
            yield from _wrap(f"{line.what}: {plain(line.value)}", indent=2)
    if plan.server is not None and not plan.changes:
        yield ""
        yield "Nothing should change."
        return
    yield ""
    yield f"Memory, of {bytes_text(budget.ram_bytes)}:"
    yield f"  {'certain':>10} {'expected':>10} {'worst':>10}"
    for part in budget.parts:
        sizes = (part.certain, part.expected, part.worst)
        yield f"  {' '.join(f'{bytes_text(size):>10}' for size in sizes)}  {part.name}"
    sizes = (budget.certain, budget.expected, budget.worst)
    yield f"  {' '.join(f'{bytes_text(size):>10}' for size in sizes)}  together"
    yield from _wrap(verdict(budget), indent=2)
    for finding in findings:
        if (finding.level or Level.info) > Level.info:
            yield ""
            yield from _wrap(f"WARNING {finding.rule}: {plain(finding.message)}")
            yield from _wrap(plain(finding.remedy.text), indent=2)
    yield ""
    yield from _wrap(how)


def facts(inputs: Inputs) -> list[tuple[str, str, str]]:
    """Name, value and source of each input, for people."""
    told = [
        ("RAM", bytes_text(inputs.ram_bytes), "ram_bytes"),
        ("CPUs", f"{inputs.cpus:g}", "cpus"),
        ("storage", inputs.storage.value, "storage"),
        ("workload", inputs.workload.value, "workload"),
        ("version", str(inputs.version), "version"),
        ("system", inputs.system.value, "system"),
    ]
    if inputs.connections is not None:
        told.append(("connections", str(inputs.connections), "connections"))
    if inputs.wal_disk_bytes is not None:
        told.append(("WAL disk", bytes_text(inputs.wal_disk_bytes), "wal_disk_bytes"))
    return [(name, value, inputs.sources.get(key, "given")) for name, value, key in told]


def verdict(budget: Budget) -> str:
    """What the budget comes to, in one sentence."""
    if budget.fits:
        return (
            f"The worst case, all {budget.connections} connections at work at once, stays within "
            f"RAM; expected are {budget.active}."
        )
    return (
        f"THE WORST CASE IS OVER RAM: all {budget.connections} connections at work at once need "
        f"{bytes_text(budget.worst)}; {budget.fitting_connections} connections would fit."
    )


def _comment(decision: Decision, version: int) -> Iterator[str]:
    rule, advice, guc = decision.rule, decision.advice, decision.guc
    assert rule is not None
    assert advice is not None
    yield from _wrap(advice.why or rule.why)
    current = decision.current
    old = (
        f"was {plain(guc.text(current.value))} ({current.setter})"
        if current
        else f"default {guc.text(guc.default) or 'empty'}"
    )
    yield from _wrap(f"= {advice.formula}", indent=2)
    yield from _wrap(f"[{guc.apply}] {old}", indent=2)
    yield f"  {rule.document(version)}"


def _comment_line(mark: str, text: str) -> str:
    # psql sends comments along, and a server whose encoding lacks a character refuses them.
    plain_text = text.replace("×", "x").replace("−", "-").encode("ascii", "replace").decode()
    return f"{mark} {plain_text}".rstrip()


def _wrap(text: str, indent: int = 0) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH - 3,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2 if indent else 0),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
