"""Replication: standbys of this server, slots, and how far this server is behind if it is one."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.errors import Unavailable
from dbtune.facts import fact
from dbtune.postgres.session import Session
from dbtune.text import plural


@dataclass(frozen=True, slots=True)
class Standby:
    """A standby or a subscriber that this server sends to.

    Attributes:
        application: its application_name, which synchronous_standby_names refers to.
        client: its address; "" for a socket.
        state: ``streaming``, ``catchup`` ...; "" if this role may not see it.
        sync_state: ``async``, ``sync``, ``quorum``, ``potential``.
        sent_lag_bytes: written here, not sent.
        replay_lag_bytes: written here, not replayed there.
        replay_lag_seconds: as the standby reports it; ``None`` when it has nothing to replay.
        xmin_age: of the oldest row version that it needs (hot_standby_feedback).
    """

    application: str
    client: str
    state: str
    sync_state: str
    sent_lag_bytes: int | None = None
    replay_lag_bytes: int | None = None
    replay_lag_seconds: float | None = None
    xmin_age: int | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A replication slot.

    Attributes:
        name: its name.
        kind: ``physical`` or ``logical``.
        database: of a logical one.
        active: whether somebody reads from it.
        wal_status: ``reserved``, ``extended``, ``unreserved``, ``lost``; "" if it reserves none.
        retained_bytes: of the write-ahead log that it holds back.
        safe_bytes: that can still be written before it is lost; ``None`` without a limit.
        xmin_age: of the oldest row version, or catalog row version, that it holds back.
        inactive_seconds: how long nobody has read from it (PostgreSQL 17 and later).
        invalidation_reason: why it can't be used any more (17 and later), or "".
    """

    name: str
    kind: str
    database: str
    active: bool
    wal_status: str
    retained_bytes: int | None = None
    safe_bytes: int | None = None
    xmin_age: int | None = None
    inactive_seconds: float | None = None
    invalidation_reason: str = ""


@dataclass(frozen=True, slots=True)
class Receiver:
    """What a standby knows of its own lag.

    Attributes:
        streaming: whether a WAL receiver is connected.
        paused: whether replay was paused by hand.
        replay_lag_bytes: received, not replayed.
        last_replay_seconds: since the last replayed transaction was committed on the primary; it
            grows on an idle primary, too.
    """

    streaming: bool
    paused: bool
    replay_lag_bytes: int | None
    last_replay_seconds: float | None


@dataclass(frozen=True, slots=True)
class Replication:
    """Replication as this server sees it.

    Attributes:
        standbys: whom it sends to.
        slots: its replication slots.
        receiver: of a standby; ``None`` on a primary.
        synchronous_names: synchronous_standby_names.
        max_slot_wal_keep_bytes: the limit on what slots may hold back; ``None`` is no limit.
        hidden: standbys whose details this role may not see.
        role: who looked.
    """

    standbys: tuple[Standby, ...]
    slots: tuple[Slot, ...]
    receiver: Receiver | None = None
    synchronous_names: str = ""
    max_slot_wal_keep_bytes: int | None = None
    hidden: int = 0
    role: str = ""

    def require_standbys(self) -> None:
        """Make sure that the positions of all standbys are seen.

        Raises:
            Unavailable: some are hidden.
        """
        if self.hidden:
            quoted = self.role.replace('"', '""')
            raise Unavailable(
                f"the positions of {plural(self.hidden, 'standby', 'standbys')} are hidden from "
                f"{self.role}",
                f'GRANT pg_monitor TO "{quoted}";',
            )


@fact("replication")
def replication(session: Session) -> Replication:
    """Standbys, slots, own lag. Least privilege: pg_read_all_stats for the standbys' positions."""
    here = session.fact("replication_here")[0]
    standbys = tuple(
        Standby(**{key: row[key] for key in row if key != "hidden"})
        for row in session.fact("replication_standbys")
    )
    return Replication(
        standbys=standbys,
        slots=tuple(_slot(row) for row in session.fact("replication_slots")),
        receiver=Receiver(
            streaming=here["streaming"],
            paused=here["paused"],
            replay_lag_bytes=here["replay_lag_bytes"],
            last_replay_seconds=here["last_replay_seconds"],
        )
        if here["standby"]
        else None,
        synchronous_names=here["synchronous_names"],
        max_slot_wal_keep_bytes=here["keep_bytes"] if here["keep_bytes"] >= 0 else None,
        hidden=sum(not one.state for one in standbys),
        role=session.user,
    )


def _slot(row: dict[str, object]) -> Slot:
    extra = row.pop("extra")
    assert isinstance(extra, dict)
    inactive = row.pop("inactive_seconds")
    return Slot(
        **row,  # type: ignore[arg-type] # columns are named as the fields
        inactive_seconds=None if inactive is None else float(str(inactive)),
        invalidation_reason=str(extra.get("invalidation_reason") or ""),
    )
