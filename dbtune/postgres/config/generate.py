"""``gen-config postgresql`` in one call: from options and this machine, or from a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dbtune.errors import TargetError, Unavailable, UsageError
from dbtune.hardware import Machine, is_postgres, read_machine
from dbtune.postgres.config.forms import Form
from dbtune.postgres.config.inputs import Options, resolve
from dbtune.postgres.config.plan import Plan
from dbtune.postgres.config.report import report
from dbtune.report import Report

if TYPE_CHECKING:
    from dbtune.facts import Snapshot
    from dbtune.postgres.config.running import Running
    from dbtune.postgres.config.trial import Trial
    from dbtune.postgres.session import Session

Attempt = Callable[[Plan], "Trial | None"]
"""Starts a server with a plan, or does not."""


def _no_trial(_plan: Plan) -> None:
    return None


def from_options(options: Options, form: Form = Form.conf, attempt: Attempt = _no_trial) -> Report:
    """A whole configuration; what the options leave open is read from this machine.

    Raises:
        UsageError: a value is impossible, or this machine does not tell its RAM.
    """
    # --ram describes some other machine, so this one's CPUs and disks have nothing to say.
    machine = read_machine() if options.ram_bytes is None else None
    plan = Plan(resolve(options, machine=machine))
    return report(plan, form, trial=attempt(plan))


def from_session(
    session: Session, options: Options, form: Form = Form.conf, attempt: Attempt = _no_trial
) -> Report:
    """What should change on a running server.

    Raises:
        UsageError: RAM or CPUs of a server elsewhere are not told, or it does not take that form.
        TargetError: the connection broke, or nothing can be read.
    """
    from dbtune.facts import Live
    from dbtune.postgres.config.measure import measure
    from dbtune.postgres.config.running import read_running
    from dbtune.postgres.server import read_server, target

    server = read_server(session)
    try:
        running = read_running(session, server)
    except Unavailable as missing:
        raise TargetError(f"{session.profile.name}: {missing}") from None
    if options.version not in (None, running.major):
        raise UsageError(
            f"--pg-version {options.version}, but that server is {server.version_text}; "
            "leave the option out"
        )
    profile = session.profile
    inputs = resolve(options, profile=profile, server=running, machine=_machine(session, running))
    plan = Plan(inputs, running, measure(Live(session)))
    return report(
        plan,
        form,
        trial=attempt(plan),
        thresholds=profile.thresholds,
        target=target(session, server),
        collected_at=server.now,
    )


def from_snapshot(
    snapshot: Snapshot, options: Options, form: Form = Form.conf, attempt: Attempt = _no_trial
) -> Report:
    """What should have changed on a server when its snapshot was taken.

    Raises:
        UsageError: RAM or CPUs are not told, or the snapshot has no settings.
    """
    from dbtune.postgres.config.measure import measure
    from dbtune.postgres.config.running import saved_running
    from dbtune.postgres.facts.instance import instance

    try:
        running = saved_running(snapshot)
    except Unavailable as missing:
        raise UsageError(f"{snapshot.name} has no settings: {missing.reason}") from None
    _refuse_version(options, running, "the snapshot's server")
    try:
        known = snapshot.of(instance)
    except Unavailable:
        known = None
    inputs = resolve(options, server=running, instance=known)
    plan = Plan(inputs, running, measure(snapshot))
    return snapshot.described(report(plan, form, trial=attempt(plan)))


def _refuse_version(options: Options, running: Running, which: str) -> None:
    if options.version not in (None, running.major):
        raise UsageError(
            f"--pg-version {options.version}, but {which} is {running.major}; leave the option out"
        )


def _machine(session: Session, running: Running) -> Machine | None:
    """The machine that the server runs on, if that is surely this one.

    A loopback address may be the end of a tunnel or a container's port, and a container has limits
    of its own: so the process that answered must be found here, and its limits are those read.
    """
    if not session.is_local or not is_postgres(running.process):
        return None
    folder = running.value("data_directory")
    return read_machine(process=str(running.process), folder=Path(str(folder or "/")))
