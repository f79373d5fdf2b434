"""Sizes, durations, numbers and hostile text."""

from __future__ import annotations

import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune import text
from dbtune.errors import UsageError


@pytest.mark.parametrize(
    ("written", "count"),
    [
        ("0", 0),
        ("16384", 16384),
        ("8kB", 8192),
        ("8GB", 8 * 1024**3),
        ("8gib", 8 * 1024**3),
        ("512 MB", 512 * 1024**2),
        (" 1.5TB ", 3 * 1024**4 // 2),
        ("1K", 1024),
        ("2p", 2 * 1024**5),
        ("7b", 7),
    ],
)
def test_sizes_are_powers_of_1024(written: str, count: int) -> None:
    assert text.parse_bytes(written) == count


@pytest.mark.parametrize(
    "written",
    [
        "",
        "GB",
        "-1GB",
        "1,5GB",
        "1e9",
        "8 G B",
        "8GBs",
        "٣GB",
        "1\u212ab",
        "9" * 400,
        "8GB\x1b[31m",
    ],
)
def test_what_is_no_size_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(UsageError, match="is not a size; write for example 8GB") as refused:
        text.parse_bytes(written)
    assert len(str(refused.value)) < 150
    assert "\x1b" not in str(refused.value)


@given(st.integers(0, 10**15), st.sampled_from(["", "B", "kB", "MiB", "G", "tb"]))
def test_a_size_means_what_its_unit_says(number: int, unit: str) -> None:
    power = {"": 0, "B": 0, "kB": 1, "MiB": 2, "G": 3, "tb": 4}[unit]
    assert text.parse_bytes(f"{number}{unit}") == round(float(number) * 1024**power)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("60", 60),
        ("60s", 60),
        ("20ms", 0.02),
        ("20 us", 2e-5),
        ("20µs", 2e-5),
        ("5min", 300),
        ("5m", 300),
        ("1.5h", 5400),
        ("1d", 86400),
        ("2 SEC", 2),
        ("0", 0),
    ],
)
def test_durations(written: str, seconds: float) -> None:
    assert text.parse_seconds(written) == pytest.approx(seconds)


@pytest.mark.parametrize("written", ["", "s", "-5s", "5 weeks", "5ſ", "1:30", "9" * 400, "nan"])
def test_what_is_no_duration_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(UsageError, match="is not a duration; write for example 20ms"):
        text.parse_seconds(written)


@given(st.text())
def test_any_text_is_a_number_or_a_usage_error(written: str) -> None:
    for parse in (text.parse_bytes, text.parse_seconds):
        try:
            assert math.isfinite(parse(written))
        except UsageError as error:
            refused = str(error)
        else:
            continue
        assert text.plain(refused) == refused


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (1536 * 1024**2, "1.50 GiB"),
        (1024**2 - 1, "1.00 MiB"),
        (-2048, "-2.00 KiB"),
        (5 * 1024**6, "5,120 PiB"),
    ],
)
def test_bytes_for_people(value: int, shown: str) -> None:
    assert text.bytes_text(value) == shown


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        (0, "0 ms"),
        (0.0123, "12.3 µs"),
        (0.9999, "1.00 ms"),
        (12.34, "12.3 ms"),
        (999.6, "1.00 s"),
        (4560, "4.56 s"),
        (119_600, "2 min"),
        (7_500_000, "2 h 5 min"),
        (3 * 86_400_000, "3 d 0 h"),
    ],
)
def test_times_for_people(ms: float, shown: str) -> None:
    assert text.ms_text(ms) == shown


@pytest.mark.parametrize(
    ("ratio", "shown"), [(0, "0.0 %"), (0.0004, "<0.1 %"), (0.1234, "12.3 %"), (1, "100.0 %")]
)
def test_shares_for_people(ratio: float, shown: str) -> None:
    assert text.ratio_text(ratio) == shown


def test_counts_and_plurals() -> None:
    assert [text.count_text(n) for n in (0, 1234567, 1234.5, 12.345)] == [
        "0",
        "1,234,567",
        "1,234",
        "12.3",
    ]
    assert text.plural(1, "row") == "1 row"
    assert text.plural(2000, "entry", "entries") == "2,000 entries"


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_number_can_be_shown(value: float) -> None:
    for show in (text.significant, text.ratio_text):
        assert show(value)
    if math.isfinite(value):
        assert "e" not in text.significant(value)
        assert text.bytes_text(value)
        assert text.ms_text(value)
        assert text.count_text(value)


@given(st.text())
def test_plain_text_steers_no_terminal(hostile: str) -> None:
    shown = text.plain(hostile)
    assert shown == text.plain(shown)
    for character in shown:
        assert unicodedata.category(character) != "Cc"
        assert unicodedata.bidirectional(character) not in {
            *("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        }


def test_controls_become_visible() -> None:
    assert text.plain("a\x1b[31mb\n\tc\u202ed\x00") == "a\\x1b[31mb c\\u202ed\\x00"
    assert text.visible("  a\x07") == "  a\\x07"


def test_text_is_cut_with_an_ellipsis() -> None:
    assert text.shorten("abcdef", 6) == "abcdef"
    assert text.shorten("abcdefg", 6) == "abcde…"
    assert text.shorten("abc", 0) == "…"
