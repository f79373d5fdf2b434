"""What a server has counted decides, where it has; each rule above and below its threshold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from dbtune.errors import Unavailable
from dbtune.postgres.bloat.facts import Counters, Kind, Relation, Sizes
from dbtune.postgres.config.budget import budget
from dbtune.postgres.config.forms import Form, artifact
from dbtune.postgres.config.guc import GB, MB, Value, gucs
from dbtune.postgres.config.inputs import Inputs, Workload
from dbtune.postgres.config.measure import measured_of
from dbtune.postgres.config.measured import Measured
from dbtune.postgres.config.plan import Plan
from dbtune.postgres.config.running import Current, Running
from dbtune.postgres.facts.checkpoints import Checkpoints
from dbtune.postgres.facts.databases import Database
from dbtune.postgres.facts.waits import Waits
from dbtune.postgres.statements.facts import Entry, Key, Reading

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = 86_400.0


def plan(
    measured: Measured, *, version: int = 18, disk: int | None = None, **settings: Value
) -> Plan:
    """A server of 16 GiB with its version's defaults, but for some settings."""
    known = {name: Current(guc.default, enums=guc.enums) for name, guc in gucs(version).items()}
    known |= {name: Current(value, enums=()) for name, value in settings.items()}
    source = {"connections": "the server"}
    inputs = Inputs(
        16 * GB, 4, version=version, connections=100, wal_disk_bytes=disk, sources=source
    )
    return Plan(inputs, Running(version, known), measured)


WAL = Measured(wal_bytes_per_second=1.0 * MB, wal_seconds=DAY, checkpoints=300, requested_ratio=0.5)


def test_log_from_one_timed_checkpoint_to_the_next() -> None:
    # 1 MiB/s * 900 s * 1.9 * 4, because half of the checkpoints were forced.
    assert plan(WAL).value("max_wal_size") == 6840 * MB
    assert plan(replace(WAL, requested_ratio=0.05)).value("max_wal_size") == 3420 * MB
    assert plan(WAL, disk=10 * GB).value("max_wal_size") == 4 * GB
    # Hardly any log: the default of 1 GB is enough, and stays.
    quiet = plan(replace(WAL, wal_bytes_per_second=1000.0))
    assert not quiet.decide("max_wal_size").changes
    # More than is needed does no harm.
    assert not plan(WAL, max_wal_size=50 * GB).decide("max_wal_size").changes
    assert plan(Measured()).value("max_wal_size") == 4 * GB


def test_a_cache_that_holds_what_is_used_needs_no_restart() -> None:
    assert plan(Measured(hit_ratio=0.999)).value("shared_buffers") == 128 * MB
    assert plan(Measured(hit_ratio=0.99)).value("shared_buffers") == 4 * GB
    assert plan(Measured(hit_ratio=0.999), shared_buffers=64 * MB).value("shared_buffers") == 4 * GB
    # Too large stays too large, whatever was found in it.
    assert plan(Measured(hit_ratio=1.0), shared_buffers=12 * GB).value("shared_buffers") == 4 * GB


def test_work_mem_by_what_was_spilled_and_never_over_ram() -> None:
    day = Measured(temp_files=0, temp_seconds=DAY)
    assert plan(day).value("work_mem") == 4 * MB
    assert not plan(day).decide("work_mem").changes
    hour = replace(day, temp_seconds=3600.0)
    assert plan(hour).decide("work_mem").changes
    spilled = Measured(temp_files=1000, temp_file_bytes=200.0 * MB, temp_seconds=DAY)
    decided = plan(spilled)
    assert budget(decided).fits
    advice = decided.decide("work_mem").advice
    assert advice is not None
    assert "1,000 temporary files of 200 MiB on average" in advice.why
    large = Plan(Inputs(256 * GB, 16, connections=50), decided.server, spilled)
    assert large.number("work_mem") == 800 * MB
    assert Plan(Inputs(256 * GB, 16, connections=50), decided.server).number("work_mem") == 128 * MB


def test_log_buffers_that_were_full() -> None:
    assert plan(Measured(wal_buffers_full_per_second=5.0)).value("wal_buffers") == 64 * MB
    assert not plan(Measured(wal_buffers_full_per_second=0.5)).decide("wal_buffers").changes


def test_vacuum_that_does_not_keep_up() -> None:
    name = "autovacuum_vacuum_cost_limit"
    usual = plan(Measured(tables_late=2, tables=50)).number(name)
    assert plan(Measured(tables_late=3, tables=50)).number(name) == 2 * usual


def test_room_for_a_vacuum_of_the_largest_table() -> None:
    name = "autovacuum_work_mem"
    many = Measured(largest_vacuum_rows=60e6)
    assert plan(many, version=15).number(name) > plan(Measured(), version=15).number(name)
    # 17 needs a twentieth of it.
    assert plan(many, version=17).number(name) == plan(Measured(), version=17).number(name)


@pytest.mark.parametrize(("share", "value"), [(0.2, False), (0.05, True)])
def test_jit_by_its_share_of_the_time(share: float, value: bool) -> None:
    assert plan(Measured(jit_ratio=share)).value("jit") is value


def test_connections_that_are_nearly_all_taken() -> None:
    assert plan(Measured(connections_used=95)).value("max_connections") == 130
    assert plan(Measured(connections_used=80)).value("max_connections") == 100


def test_the_file_says_what_was_measured() -> None:
    decided = plan(replace(WAL, hit_ratio=0.97, connections_used=12, waits=(("IO:x", 3),)))
    text = artifact(Form.conf, decided, budget(decided)).text
    for words in (
        "Measured there:",
        "log written: 60.0 MiB a minute in",
        "checkpoints forced: 50.0 % of 300",
        "97.00% of blocks",
        "connections now: 12",
        "3 IO:x",
        "1.00 MiB/s of log measured",
    ):
        assert words in " ".join(text.replace("#", "").split()), words


# ------------------------------------------------------------------------------- facts to measures


def checkpointed(**values: Any) -> Checkpoints:
    known: dict[str, Any] = {
        "at": NOW, "timed": 30, "requested": 10, "write_ms": 0, "sync_ms": 0,
        "buffers_checkpointer": 0, "buffers_cleaner": 0, "cleaner_stopped": 0,
        "max_wal_bytes": GB, "timeout_seconds": 300, "wal_bytes": 7200.0 * MB,
        "wal_full_pages": 1.0, "wal_buffers_full": 3600.0, "seconds": 7200.0,
    }  # fmt: skip
    return Checkpoints(**(known | values))


def test_checkpoints_and_log() -> None:
    found = measured_of({"checkpoints": checkpointed()})
    assert found.wal_bytes_per_second == MB
    assert found.requested_ratio == 0.25
    assert found.wal_buffers_full_per_second == 0.5
    # Too short, and on 13, where log is counted from the cluster's beginning.
    assert measured_of({"checkpoints": checkpointed(seconds=60.0)}) == Measured()
    old = measured_of({"checkpoints": checkpointed(wal_full_pages=None, wal_buffers_full=None)})
    assert old.wal_bytes_per_second is None
    assert old.requested_ratio == 0.25


def counted(name: str, hit: float, read: float, files: float, size: float) -> Database:
    return Database(name, NOW, 0, 0, hit, read, 0, files, size, 0, seconds=DAY)


def test_hits_and_temporary_files_of_all_databases() -> None:
    found = measured_of(
        {
            "databases": (
                counted("", 5e9, 5e9, 0, 0),
                counted("a", 3e6, 1e6, 2, 100.0),
                counted("b", 0, 0, 2, 300.0),
            )
        }
    )
    assert found.hit_ratio == 0.75
    assert found.temp_files == 4
    assert found.temp_file_bytes == 100
    # Never reset: since when is counted is the server's to tell.
    never = replace(counted("a", 0, 0, 2, 100.0), seconds=None)
    assert measured_of({"databases": (never,)}) == Measured()
    together = measured_of({"databases": (never,), "checkpoints": checkpointed()})
    assert (together.temp_files, together.temp_seconds) == (2, 7200)
    assert measured_of({"databases": (counted("a", 9e5, 0, 0, 0),)}).hit_ratio is None
    # A million blocks are read within seconds; what a minute needed says little of a day.
    minute = replace(counted("a", 9e6, 0, 0, 0), seconds=60.0)
    assert measured_of({"databases": (minute,)}).hit_ratio is None


def table(oid: int, dead: int, **options: str) -> Relation:
    return Relation(
        oid, "public", f"t{oid}", Kind.TABLE, GB, oid, oid, oid, "public", f"t{oid}", 1e6, 1000,
        options=options, counters=Counters(live=1_000_000, dead=dead),
    )  # fmt: skip


def test_tables_that_vacuum_has_not_reached() -> None:
    tables = (table(1, 500_000), table(2, 300_000), table(3, 900_000, autovacuum_enabled="off"))
    sizes = Sizes(NOW, "d", 180000, False, {one.oid: one for one in tables})
    found = measured_of({"relation_sizes": sizes})
    assert (found.tables_late, found.tables) == (1, 3)
    assert found.largest_vacuum_rows == 200_050
    assert measured_of({"relation_sizes": replace(sizes, standby=True)}) == Measured()


def test_jit_and_waits() -> None:
    def entry(total: float, jit: float) -> Entry:
        names = ("jit_generation_time", "jit_inlining_time", "jit_optimization_time")
        counters = {"calls": 1.0, "total_exec_time": total, "jit_emission_time": jit}
        return Entry(
            Key(1, 1, 1, True), "u", "d", counters | dict.fromkeys(names, 0.0), None, None, 0.0
        )

    reading = Reading(NOW, (entry(500_000, 60_000), entry(500_000, 60_000)))
    assert measured_of({"statements": reading}).jit_ratio == pytest.approx(0.12)
    assert measured_of({"statements": Reading(NOW, (entry(1000, 500),))}).jit_ratio is None
    waits = Waits(1, {"CPU": 1, "IO:DataFileRead": 4})
    assert measured_of({"waits": waits}).waits == (("IO:DataFileRead", 4), ("CPU", 1))


def test_what_can_not_be_read_is_not_known() -> None:
    assert measured_of({"checkpoints": Unavailable("hidden"), "databases": ()}) == Measured()
    assert Workload.web  # inputs of the plans above
