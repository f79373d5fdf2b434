"""Values between bytes, pg_settings and configuration files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.errors import UsageError
from dbtune.postgres.config.guc import GB, KB, MB, MINUTE, NEWEST, OLDEST, Value, gucs, read_setting

PARSED = {"kB": KB, "MB": MB, "GB": GB, "TB": 1024 * GB, "ms": 1, "s": 1000, "min": MINUTE}
PARSED |= {"h": 60 * MINUTE, "d": 1440 * MINUTE}


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("shared_buffers", 2 * GB, "2GB"),
        ("shared_buffers", 1536 * MB, "1536MB"),
        ("shared_buffers", 8 * KB, "8kB"),
        ("max_wal_size", 2048 * GB, "2TB"),
        ("autovacuum_work_mem", -1, "-1"),
        ("checkpoint_timeout", 15 * MINUTE, "15min"),
        ("checkpoint_timeout", 90_000, "90s"),
        ("log_min_duration_statement", 0, "0"),
        ("autovacuum_vacuum_cost_delay", 2.0, "2ms"),
        ("autovacuum_vacuum_cost_delay", 0.5, "0.5"),
        ("random_page_cost", 1.1, "1.1"),
        ("random_page_cost", 4.0, "4"),
        ("jit", False, "off"),
        ("io_method", "worker", "worker"),
        ("max_connections", 100, "100"),
    ],
)
def test_text(name: str, value: Value, text: str) -> None:
    assert gucs(18)[name].text(value) == text


@given(st.sampled_from(sorted(gucs(18))), st.integers(1, 10**13))
def test_a_fitted_value_is_allowed_and_written_exactly(name: str, number: int) -> None:
    guc = gucs(18)[name]
    if guc.kind not in ("int", "real"):
        return
    value = guc.fit(number)
    assert guc.allows(value)
    assert not isinstance(value, bool | str)
    assert value <= number or value == guc.natural(guc.low)
    text = guc.text(value)
    digits = text.rstrip("kMGTBmsinhd")
    assert float(digits) * PARSED.get(text[len(digits) :], 1) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize(
    ("row", "value"),
    [
        (("integer", "16384", "8kB"), 128 * MB),
        (("integer", "4096", "32kB"), 128 * MB),  # another block size
        (("integer", "300", "s"), 300_000),
        (("integer", "-1", "kB"), -1),
        (("real", "0.9", None), 0.9),
        (("bool", "on", None), True),
        (("enum", "try", None), "try"),
        (("string", "a, b", None), "a, b"),
    ],
)
def test_read_setting(row: tuple[str, str, str | None], value: Value) -> None:
    assert read_setting(*row) == value


def test_every_version_has_its_own_settings() -> None:
    assert "reserved_connections" not in gucs(15)
    assert "reserved_connections" in gucs(16)
    assert "compute_query_id" not in gucs(13)
    assert "io_workers" not in gucs(17)
    assert gucs(14)["hash_mem_multiplier"].default == 1
    assert gucs(15)["hash_mem_multiplier"].default == 2
    assert gucs(17)["autovacuum_max_workers"].apply == "restart"
    assert gucs(18)["autovacuum_max_workers"].apply == "reload"


@pytest.mark.parametrize("version", range(OLDEST, NEWEST + 1))
def test_every_default_is_allowed(version: int) -> None:
    for name, guc in gucs(version).items():
        assert guc.name == name
        assert guc.allows(guc.default), name


@pytest.mark.parametrize("version", [9, 12, 19])
def test_other_versions_are_refused(version: int) -> None:
    with pytest.raises(UsageError, match="13 to 18"):
        gucs(version)


def test_what_is_not_allowed() -> None:
    known = gucs(18)
    assert not known["io_method"].allows("io_uring")  # not in every build
    assert not known["max_connections"].allows(300_000)
    assert not known["max_connections"].allows("many")
    assert not known["work_mem"].allows(100 * KB + 1)
    assert not known["jit"].allows("off")
