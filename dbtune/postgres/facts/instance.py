"""What SQL can't tell of a server: what its profile says, or this machine where the server runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dbtune.errors import Unavailable
from dbtune.facts import fact
from dbtune.hardware import is_postgres, read_machine
from dbtune.postgres.session import Session


@dataclass(frozen=True, slots=True)
class Instance:
    """The machine that a server runs on.

    Attributes:
        ram_bytes: memory that it may use; ``None`` if unknown.
        cpus: processors; likewise.
        storage: ``ssd``, ``nvme``, ``hdd``, ``san``, or "" if unknown.
        source: who says so.
    """

    ram_bytes: int | None
    cpus: float | None
    storage: str
    source: str


@fact("instance")
def instance(session: Session) -> Instance:
    """The profile's word first; else this machine, if the server runs on it."""
    profile = session.profile
    if profile.ram_bytes or profile.cpus or profile.storage:
        return Instance(profile.ram_bytes, profile.cpus, profile.storage, "profile")
    process = session.rows("SELECT pg_catalog.pg_backend_pid() AS process")[0]["process"]
    if session.is_local and is_postgres(process):
        folder = Path(_data_directory(session))
        machine = read_machine(process=str(process), folder=folder)
        return Instance(
            machine.ram_bytes.value, machine.cpus.value, machine.storage.value or "", "this machine"
        )
    raise Unavailable(
        "the machine's memory, CPUs and storage are not known",
        "say them in the profile: ram: 64GB, cpus: 16, storage: nvme",
    )


def _data_directory(session: Session) -> str:
    try:
        return str(session.rows("SHOW data_directory")[0]["data_directory"])
    except Unavailable:  # hidden from this role
        return "/"
