"""Lines of an input of any size: those of splitting it, however it is compressed or leapt over."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
from collections.abc import Callable, Iterator

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from dbtune.errors import UsageError
from dbtune.logs import blocks as blocks_module
from dbtune.logs.blocks import Damaged, blocks
from dbtune.postgres.logs import scan
from dbtune.postgres.logs.scan import Scanner

texts = st.text(st.sampled_from("ab\n plan:\réß\x00\t"), max_size=200)


def scanner(text: str) -> Scanner:
    """Over blocks so small that everything goes across their edges."""
    data = text.encode()
    return Scanner(data[at : at + 7] for at in range(0, len(data), 7))


def expected(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def line(raw: bytes) -> str:
    return raw.decode().removesuffix("\n")


@given(texts)
def test_lines_are_those_of_the_text(text: str) -> None:
    assert [line(one) for one in scanner(text)] == expected(text)


@given(texts)
def test_what_is_passed_over_is_told_and_counted(text: str) -> None:
    source = scanner(text)
    passed: list[tuple[int, bytes]] = []
    source.passed = lambda number, part: passed.append((number, part))
    found = []
    while source.leap(b"plan:"):
        found.append((line(next(source)), source.number))
    numbered = list(enumerate(expected(text), 1))
    assert found == [(one, number) for number, one in numbered if "plan:" in one]
    told = [
        (number, one)
        for first, part in passed
        for number, one in enumerate(expected(part.decode()), first)
    ]
    assert told == [(number, one) for number, one in numbered if "plan:" not in one]


@given(texts, st.integers(0, 3))
def test_lines_can_be_given_back_before_a_leap(text: str, count: int) -> None:
    source = scanner(text)
    source.give_back(*[one for _, one in zip(range(count), source, strict=False)])
    found = []
    while source.leap(b"plan:"):
        found.append((line(next(source)), source.number))
    numbered = list(enumerate(expected(text), 1))
    assert found == [(one, number) for number, one in numbered if "plan:" in one]


@given(texts, st.integers(0, 3))
def test_a_match_takes_all_that_goes_on(text: str, count: int) -> None:
    text = text.replace("a", "\ta")
    source = scanner(text)
    for _ in range(count):
        next(source, None)
    got = source.match(re.compile(rb"(?:\t[^\n]*+(?:\n|\Z))*+")).decode()
    rest = [line(one) for one in source]
    lines = expected(text)[count:]
    tabbed = next((at for at, one in enumerate(lines) if not one.startswith("\t")), len(lines))
    assert expected(got) == lines[:tabbed]
    assert rest == lines[tabbed:]


ARCHIVES: list[Callable[[bytes], bytes]] = [gzip.compress, bz2.compress, lzma.compress]


def zstd(data: bytes) -> bytes:
    return bytes(zstandard.compress(data))


@pytest.mark.parametrize("pack", [*ARCHIVES, zstd, bytes])
def test_compressed(pack: Callable[[bytes], bytes]) -> None:
    data = "one\ntwö\nthree plan:\n".encode() * 1000
    assert b"".join(blocks(io.BytesIO(pack(data)), 1000)) == data
    twice = pack(data) + pack(b"more\n")
    assert b"".join(blocks(io.BytesIO(twice), 100_000)) == data + b"more\n"
    utf16 = pack("one\ntwö\n".encode("utf-16"))
    assert b"".join(blocks(io.BytesIO(utf16))) == "one\ntwö\n".encode()


@pytest.mark.parametrize("pack", [*ARCHIVES, zstd])
def test_of_a_damaged_archive_the_part_before_the_damage_is_read(
    pack: Callable[[bytes], bytes],
) -> None:
    data = b"".join(b"line %d %d\n" % (n, n * n * n) for n in range(100_000))
    packed = pack(data)
    broken = [packed[: len(packed) * 3 // 4], packed[:-1], packed + b"no archive"]
    for one in broken:
        read: list[bytes] = []
        with pytest.raises(Damaged):
            read.extend(blocks(io.BytesIO(one), 5_000))
        read = list(until_damage(one))
        assert data.startswith(b"".join(read))
        assert len(b"".join(read)) > len(data) // 10


def until_damage(data: bytes) -> Iterator[bytes]:
    try:
        yield from blocks(io.BytesIO(data), 5_000)
    except Damaged:
        return


def test_a_pipe_that_gives_little_at_a_time() -> None:
    class Pipe(io.BytesIO):
        def read1(self, size: int | None = -1) -> bytes:
            return self.read(1)

    data = b"one\ntwo\n" * 100
    assert b"".join(blocks(Pipe(gzip.compress(data)))) == data


def test_zstd_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(blocks_module, "import_module", missing)
    with pytest.raises(UsageError, match="zstdcat FILE"):
        list(blocks(io.BytesIO(bytes.fromhex("28b52ffd0458090000"))))


def test_a_line_without_an_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "_LONGEST_LINE", 20)
    first, last = list(scanner("x" * 1000 + "\nlast\n"))
    assert set(line(first)) == {"x"}
    assert len(first) < 60
    assert line(last) == "last"


def test_a_mark_at_the_end_of_a_very_long_line_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "_LONGEST_START", 20)
    source = scanner("first\n" + "x" * 1000 + " plan: here\nlast\n")
    assert source.leap(b"plan:")
    assert line(next(source)).endswith("xx plan: here")
    assert source.number == 2
    assert [line(one) for one in source] == ["last"]
