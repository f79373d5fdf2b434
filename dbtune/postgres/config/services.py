"""The same settings where no postgresql.conf can be written: containers, Kubernetes, services.

A service takes numbers in the setting's own unit (``pg_settings.unit``: pages of 8 kB, kB, s ...),
and lets one set only some. What it does not let one set is left out, and said.
"""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from dbtune.postgres.config.guc import Guc, Value
from dbtune.postgres.config.plan import Decision, Plan
from dbtune.postgres.config.rules.logging import libraries
from dbtune.report import Artifact

KB, MB, GB = 1024, 1024**2, 1024**3
_LIBRARIES = "shared_preload_libraries"
_CRASH_SAFETY = frozenset({"fsync", "full_page_writes", "archive_mode"})
_AURORA_STORAGE = frozenset(
    {
        *("checkpoint_timeout", "checkpoint_completion_target", "max_wal_size", "min_wal_size"),
        *("wal_buffers", "wal_compression", "effective_io_concurrency", "huge_pages"),
        *("maintenance_io_concurrency", "io_method", "io_workers", "effective_cache_size"),
        "shared_buffers",
    }
)
OWNED: Mapping[str, frozenset[str]] = {
    "rds": _CRASH_SAFETY | {"wal_level", "log_line_prefix", "io_method"},
    "aurora": _CRASH_SAFETY | _AURORA_STORAGE | {"wal_level", "log_line_prefix"},
    "cloudsql": _CRASH_SAFETY | {"wal_level", "min_wal_size", "io_method", _LIBRARIES},
    "azure": _CRASH_SAFETY | {"io_method", "io_workers", "maintenance_io_concurrency"},
    "kubernetes": _CRASH_SAFETY | {"huge_pages", "wal_level"},
    "docker": frozenset(),
}
"""What each keeps to itself, of the settings that there are rules for. Sources: the services'
parameter documentation; CloudNativePG's "Fixed parameters"."""
_AZURE_MEMORY = 2 * GB - KB
_LIMITS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "azure": {
        "max_connections": (25, 5000),
        "work_mem": (4 * MB, _AZURE_MEMORY),
        "maintenance_work_mem": (MB, _AZURE_MEMORY),
        "autovacuum_work_mem": (-1, _AZURE_MEMORY),
        "max_wal_size": (32 * MB, 64 * GB),
        "min_wal_size": (32 * MB, 64 * GB),  # no more than max_wal_size
        "max_parallel_maintenance_workers": (0, 64),
        "max_parallel_workers": (0, 1024),
        "max_parallel_workers_per_gather": (0, 1024),
    }
}
"""What a service takes, where PostgreSQL takes more, in bytes or numbers. Source: "Allowed values"
of the server parameters of Azure Database for PostgreSQL."""
_SHARES_OF_RAM: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "cloudsql": {"shared_buffers": (0.1, 0.6), "effective_cache_size": (0.1, 0.7)}
}
"""The same in shares of the instance's memory. Source: Cloud SQL's list of supported flags."""
SHM_SHARE = 0.25
"""Of RAM: parallel queries put their hash tables into /dev/shm, where Docker has 64 MB."""


class Target(NamedTuple):
    """How a service wants its settings.

    Attributes:
        filename: usual name of the file.
        language: its syntax.
        write: makes the text.
    """

    filename: str
    language: str
    write: Callable[[list[Decision], Plan], str]


def settable(service: str, plan: Plan) -> list[Decision]:
    """The changes that the service lets one make, within its limits."""
    own = [one for one in plan.changes if one.name not in OWNED[service]]
    return [one for one in (_limited(service, one, plan) for one in own) if one.changes]


def _limited(service: str, one: Decision, plan: Plan) -> Decision:
    """A decision with the value that comes nearest to it there."""
    ram = plan.inputs.ram_bytes
    if one.name in (shares := _SHARES_OF_RAM.get(service, {})):
        low, high = (share * ram for share in shares[one.name])
        step = _scale(one.guc)
        low, high = math.ceil(low / step) * step, math.floor(high / step) * step
    elif one.name in (limits := _LIMITS.get(service, {})):
        low, high = limits[one.name]
    else:
        return one
    if isinstance(one.value, str) or low <= one.value <= high:
        return one
    return replace(one, value=type(one.value)(min(max(one.value, low), high)))


def left_out(service: str, plan: Plan) -> list[str]:
    """Names of those that it keeps to itself."""
    return [one.name for one in plan.changes if one.name in OWNED[service]]


def service_artifact(service: str, plan: Plan) -> Artifact:
    """The file for a service."""
    target = TARGETS[service]
    return Artifact(target.filename, target.write(settable(service, plan), plan), target.language)


def base_number(guc: Guc, value: Value) -> str:
    """A value in the setting's own unit: ``work_mem`` of 4 MB is 4096, since its unit is kB."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str):
        return value
    number = value if value <= 0 else value / _scale(guc)
    return f"{number:.10g}"


def _scale(guc: Guc) -> float:
    one = guc.natural(1)
    assert not isinstance(one, str)
    return one


def _rds(changes: list[Decision], plan: Plan) -> str:
    del plan
    parameters = [
        {
            "ParameterName": one.name,
            # AWS documents 0 and 1 as the values of a switch.
            "ParameterValue": str(int(one.value))
            if isinstance(one.value, bool)
            else base_number(one.guc, one.value),
            "ApplyMethod": "pending-reboot" if one.guc.apply == "restart" else "immediate",
        }
        for one in changes
    ]
    return json.dumps(parameters, indent=2) + "\n"


def _cloudsql(changes: list[Decision], plan: Plan) -> str:
    del plan
    flags = ":".join(f"{one.name}={base_number(one.guc, one.value)}" for one in changes)
    # gcloud takes ^:^ as "the separator is a colon": values may have commas.
    return (
        "# Flags that are not named here go back to their defaults: add those that you have\n"
        "# (gcloud sql instances describe INSTANCE). Restarts the instance if one needs it.\n"
        f"gcloud sql instances patch INSTANCE \\\n  --database-flags={shlex.quote(f'^:^{flags}')}\n"
    )


def _azure(changes: list[Decision], plan: Plan) -> str:
    del plan
    lines = ["# A restart is needed for: " + _names(changes, "restart") + "\n"]
    lines += [
        "az postgres flexible-server parameter set --resource-group GROUP --server-name SERVER"
        f" \\\n  --name {one.name} --value {shlex.quote(base_number(one.guc, one.value))}\n"
        for one in changes
    ]
    return "".join(lines)


def _kubernetes(changes: list[Decision], plan: Plan) -> str:
    parameters = [one for one in changes if one.name != _LIBRARIES]
    wanted = [item for one in changes if one.name == _LIBRARIES for item in _items(one)]
    # CloudNativePG loads these itself when a parameter of theirs is set.
    managed = [item for item in wanted if item in ("pg_stat_statements", "auto_explain")]
    others = [item for item in wanted if item not in managed]
    lines = [
        "# CloudNativePG; kubectl apply -f. Instances restart one after the other where one needs",
        "# it. Memory and CPUs are what the settings were made for.",
        "apiVersion: postgresql.cnpg.io/v1",
        "kind: Cluster",
        "metadata:",
        "  name: database",
        "spec:",
        "  resources:",
        f"    requests: {{memory: {_mebibytes(plan)}, cpu: {plan.inputs.cpus:g}}}",
        f"    limits: {{memory: {_mebibytes(plan)}}}",
        "  postgresql:",
    ]
    if others:
        lines += ["    shared_preload_libraries:"]
        lines += [f"      - {json.dumps(item)}" for item in others]
    lines += ["    parameters:"]
    lines += [f"      {one.name}: {json.dumps(one.guc.text(one.value))}" for one in parameters]
    lines += [f"      {item}.{_ANY[item]}" for item in managed]
    return "\n".join(lines) + "\n"


_ANY = {
    "pg_stat_statements": 'track: "top"',
    "auto_explain": 'log_min_duration: "-1"',
}
"""A parameter of each library that CloudNativePG manages, with its default."""


def _docker(changes: list[Decision], plan: Plan) -> str:
    arguments = [f"{one.name}={one.guc.text(one.value)}" for one in changes]
    shm = max(64 * MB, int(plan.inputs.ram_bytes * SHM_SHARE))
    lines = [
        "# docker-compose.yml: merge it with what stands there. A new container reads it.",
        "services:",
        "  db:",
        f'    image: "postgres:{plan.inputs.version}"',
        f"    mem_limit: {plan.inputs.ram_bytes // MB}m",
        f"    cpus: {plan.inputs.cpus:g}",
        "    # Parallel queries share memory here; Docker's 64 MB fail with",
        '    # "could not resize shared memory segment".',
        f"    shm_size: {shm // MB}m",
        "    command:",
        "      - postgres",
    ]
    for argument in arguments:
        # Compose takes $ for one of its variables.
        lines += ["      - -c", f"      - {json.dumps(argument.replace('$', '$$'))}"]
    return "\n".join(lines) + "\n"


TARGETS: Mapping[str, Target] = {
    "docker": Target("docker-compose.yml", "yaml", _docker),
    "kubernetes": Target("cluster.yaml", "yaml", _kubernetes),
    "rds": Target("parameters.json", "json", _rds),
    "aurora": Target("parameters.json", "json", _rds),
    "cloudsql": Target("cloudsql-flags.sh", "sh", _cloudsql),
    "azure": Target("azure-parameters.sh", "sh", _azure),
}
HOW: Mapping[str, str] = {
    "docker": "merge the file with your docker-compose.yml",
    "kubernetes": "give the Cluster its own name and what else it has, then kubectl apply -f",
    "rds": "aws rds modify-db-parameter-group --db-parameter-group-name GROUP"
    " --parameters file://parameters.json (20 at a time)",
    "aurora": "aws rds modify-db-cluster-parameter-group --db-cluster-parameter-group-name GROUP"
    " --parameters file://parameters.json (20 at a time)",
    "cloudsql": "put in your instance's name and flags, then run it",
    "azure": "put in group and server, then run it",
}
"""What to do with the file."""


def notes(service: str, plan: Plan) -> Iterable[str]:
    """What else has to be known."""
    yield HOW[service]
    if missing := left_out(service, plan):
        yield f"left out, because {service} keeps them to itself: {', '.join(missing)}"
    limited = [
        f"{one.name} = {there.guc.text(there.value)} (planned {one.guc.text(one.value)})"
        for one in plan.changes
        if one.name not in OWNED[service]
        and (there := _limited(service, one, plan)).value != one.value
    ]
    if limited:
        yield f"within {service}'s limits: {', '.join(limited)}"
    if service in ("rds", "aurora") and any(one.name == _LIBRARIES for one in plan.changes):
        yield "shared_preload_libraries is a list of what the service has: keep what it has now"


def _names(changes: list[Decision], apply: str) -> str:
    return ", ".join(one.name for one in changes if one.guc.apply == apply) or "none"


def _items(decision: Decision) -> list[str]:
    return libraries(decision.guc.text(decision.value))


def _mebibytes(plan: Plan) -> str:
    return f"{plan.inputs.ram_bytes // MB}Mi"
