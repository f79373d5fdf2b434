"""What a sample of keys says of all of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dbtune.redis.memory.facts import Counter
from dbtune.redis.memory.scan import Key
from dbtune.redis.memory.table import pattern_rows, type_rows


def test_a_key_that_is_its_own_pattern_is_there_once_whatever_the_sample() -> None:
    counter = Counter(20)
    counter.add([Key(b"leaderboard", "zset", 5_000_000, -1)])
    counter.add(Key(f"session:{n}".encode(), "string", 100, 1000) for n in range(1000))
    found = replace(counter.done(), total=5001, dataset_bytes=5_600_000)
    patterns = {str(one["pattern"]): one for one in pattern_rows(found, 20)}
    assert patterns["leaderboard"]["keys"] == 1
    assert patterns["leaderboard"]["size_bytes"] == 5_000_000
    assert patterns["session:*"]["keys"] == 5000
    assert patterns["session:*"]["size_bytes"] == 500_000
    assert patterns["session:*"]["share_ratio"] == pytest.approx(0.5 / 5.5)
    types = {str(one["type"]): one for one in type_rows(found)}
    assert types["zset"]["keys"] == 1
    assert found.unexplained_bytes == pytest.approx(100_000)
