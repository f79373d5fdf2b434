"""What a mistyped option is told."""

from __future__ import annotations

import pytest

from tests.command import dbtune


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("bench", "pol"), "no benchmark 'pol'; did you mean pool?"),
        (("gen-config", "djanga"), "gen-config makes no 'djanga'; did you mean django?"),
        (("check", "a", "b"), "too many arguments: b"),
        (("activity", "--once", "--duration", "3s"), "give --once or --duration, not both"),
        (("slow-queries", "--limit", "abc"), "'abc' is not a whole number."),
        (("activity", "cancel", "abc"), "'abc' is not a whole number."),
        (("pool-size", "--cpus", "x"), "'x' is not a number."),
        (("slow-queries", "--limit", "0"), "0 is not in the range 1<=x<=100000."),
    ],
)
def test_a_number_is_called_a_number(arguments: tuple[str, ...], said: str) -> None:
    made = dbtune(*arguments)
    assert made.code == 2
    assert said in made.err
