"""Lines of an input of any size: the same as splitting it, however it is compressed or skipped."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.errors import UsageError
from dbtune.postgres.plans import stream
from dbtune.postgres.plans.stream import Lines

texts = st.text(st.sampled_from("ab\n plan:\réß\x00"), max_size=200)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that every text goes across the edges of blocks."""
    monkeypatch.setattr(stream, "_BLOCK", 7)


def expected(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


@given(texts)
def test_lines_are_those_of_the_text(text: str) -> None:
    assert list(Lines(text)) == expected(text)
    assert list(Lines(io.StringIO(text, newline=""))) == expected(text)


@given(texts)
def test_what_is_skipped_is_counted(text: str) -> None:
    lines = Lines(text)
    found = []
    while lines.skip_to(b"plan:"):
        found.append((next(lines), lines.number))
    assert found == [
        (line, number) for number, line in enumerate(expected(text), 1) if "plan:" in line
    ]


@given(texts)
def test_a_line_can_be_given_back_before_a_skip(text: str) -> None:
    lines = Lines(text)
    first = next(lines, None)
    if first is None:
        return
    lines.give_back(first)
    found = []
    while lines.skip_to(b"plan:"):
        found.append((lines.number, next(lines)))
    assert [line for _, line in found] == [line for line in expected(text) if "plan:" in line]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, bytes])
def test_compressed(pack: Callable[[bytes], bytes]) -> None:
    text = "one\ntwö\nthree plan:\n"
    assert list(Lines(pack(text.encode()))) == ["one", "twö", "three plan:"]
    assert list(Lines(text.encode("utf-16"))) == ["one", "twö", "three plan:"]


def test_zstd_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(stream, "import_module", missing)
    with pytest.raises(UsageError, match="zstd -dc FILE"):
        Lines(bytes.fromhex("28b52ffd0458090000"))


def test_a_line_without_an_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_OF_A_LINE", 20)
    lines = Lines("x" * 1000 + "\nlast\n")
    first, last = list(lines)
    assert set(first) == {"x"}
    assert len(first) < 40
    assert last == "last"
    assert lines.cut == 1
