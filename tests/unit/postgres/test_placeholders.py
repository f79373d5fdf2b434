"""Placeholders of drivers in a script become ``$1``, ``$2`` ..."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.postgres.placeholders import numbered
from dbtune.postgres.sqltext import has_parameters


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a = ? AND b IN (?, ?) LIMIT ?", "a = $1 AND b IN ($2, $3) LIMIT $4"),
        ("a = %s AND c % 5 = %(n)s AND d = %(n)s", "a = $1 AND c % 5 = $2 AND d = $2"),
        ("a = :id AND b = :'name' AND c = :id", "a = $1 AND b = $2 AND c = $1"),
        ("a = $2 AND data ? 'x' AND b = ?", "a = $2 AND data ? 'x' AND b = $3"),
        # no placeholders
        ("data ? 'k' AND data ?| array['a'] AND b->'c' ? 'd'", None),
        ("a::int, b[1:2], c::text, d[:3]", None),
        ("data @? '$.a[*] ? (@ > 5)'", None),
        ("'?' || \"?\" /* ? */ -- ?", None),
        ("a % s", None),
        ("a = $1 AND data ? 'x' AND $3 ? $2", None),
    ],
)
def test_placeholders(written: str, read: str | None) -> None:
    assert numbered(written) == (written if read is None else read)


@given(st.text(alphabet="a1?%s():'\" -/*,=\n", max_size=60))
def test_whatever_the_text_is(text: str) -> None:
    found = numbered(text)
    assert found == text or has_parameters(found)
    assert numbered(found) == found
