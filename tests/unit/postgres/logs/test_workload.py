"""Logs as a workload: statements with samples of their executions."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.errors import UsageError
from dbtune.postgres.logs.samples import Samples, parameters
from dbtune.postgres.logs.stream import Wanted
from dbtune.postgres.logs.workload import Execution, workload

HEAD = "2026-11-28 21:00:{:02d}.000 UTC [{}] app@{} "
SAMPLES = Path(__file__).parent / "samples"


def found_in(folder: Path, *messages: str, wanted: Wanted | None = None) -> tuple[Execution, ...]:
    """The statements of a log of these messages."""
    path = folder / "server.log"
    text = (HEAD.format(at % 60, 1, "shop") + one + "\n" for at, one in enumerate(messages))
    path.write_text("".join(text))
    return workload([str(path)], wanted).statements


def test_constants_and_parameters_stand_in_the_samples(tmp_path: Path) -> None:
    prepared = "LOG:  duration: 2.000 ms  execute s1: SELECT a FROM t WHERE b = $2 AND c > $1::int"
    slow, fast = found_in(
        tmp_path,
        "LOG:  duration: 1.000 ms  bind s1: SELECT a FROM t WHERE b = $2 AND c > $1::int",
        "DETAIL:  parameters: $1 = '0', $2 = 'not executed'",
        prepared,
        "DETAIL:  Parameters: $1 = '5', $2 = 'it''s $1, NULL'",
        prepared,
        "DETAIL:  parameters: $1 = NULL, $2 = 'x'",
        "LOG:  duration: 0.500 ms  statement: SELECT 7 FROM u WHERE name = 'x'",
    )
    assert slow.text == "SELECT a FROM t WHERE b = $2 AND c > $1::int"
    assert (slow.calls, slow.total_ms) == (2, 4.0)
    assert set(slow.samples) == {
        "SELECT a FROM t WHERE b = 'it''s $1, NULL' AND c > '5'::int",
        "SELECT a FROM t WHERE b = 'x' AND c > NULL::int",
    }
    assert fast.samples == ("SELECT 7 FROM u WHERE name = 'x'",)
    assert fast.databases == ("shop",)


def test_parameters_that_are_not_told_give_no_sample(tmp_path: Path) -> None:
    execute = "LOG:  duration: 2.000 ms  execute s1: SELECT a FROM t WHERE b = $1"
    for following in (
        [],
        ["DETAIL:  parameters: $1 = 'cut...'"],
        ["DETAIL:  parameters: $2 = '1'"],
    ):
        [one] = found_in(tmp_path, execute, *following)
        assert (one.calls, one.samples) == (1, ())


def test_plans_have_parameters_too(tmp_path: Path) -> None:
    [one] = found_in(
        tmp_path,
        "LOG:  duration: 5.0 ms  plan:\n\tQuery Text: SELECT a FROM t WHERE b = $1\n"
        "\tQuery Parameters: $1 = '8'\n\tSeq Scan on t  (cost=0.00..0.01 rows=1)",
    )
    assert one.samples == ("SELECT a FROM t WHERE b = '8'",)


def test_only_of_a_database(tmp_path: Path) -> None:
    wanted = Wanted(database="other")
    with pytest.raises(UsageError, match="log_min_duration_statement"):
        found_in(tmp_path, "LOG:  duration: 1.0 ms  statement: SELECT 1", wanted=wanted)


@pytest.mark.parametrize("form", ["log", "csv", "json"])
def test_every_format_tells_them(form: str) -> None:
    found = workload([str(SAMPLES / f"pg18.{form}")]).statements
    samples = [text for one in found for text in one.samples if "'secret\nparameter'" in text]
    assert samples
    assert not any("$" in text for text in samples)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.sampled_from("abcdefghij")), max_size=30), st.data()
)
def test_samples_do_not_depend_on_how_a_log_is_cut(
    items: list[tuple[int, str]], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(items)))
    whole, first, second = Samples(), Samples(), Samples()
    for number, text in items:
        whole.add(number, text)
    for number, text in items[:cut]:
        first.add(number, text)
    for number, text in items[cut:]:
        second.add(number, text)
    first.merge(second)
    assert first == whole
    assert len(whole.items) <= 5


def test_values_of_detail() -> None:
    text = "parameters: $1 = 'a, $2 = ''b''', $2 = NULL, $10 = ''"
    assert parameters(text) == {1: "'a, $2 = ''b'''", 2: "NULL", 10: "''"}
