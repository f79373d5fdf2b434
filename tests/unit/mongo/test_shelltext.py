"""mongosh's syntax, Extended JSON and what else people paste, read to the same values."""

from __future__ import annotations

import contextlib
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp, json_util
from hypothesis import given
from hypothesis import strategies as st

from dbtune.errors import UsageError
from dbtune.mongo.shellprint import shell_text
from dbtune.mongo.shelltext import SyntaxProblem, parse, read_value

NOON = datetime(2024, 1, 31, 12, tzinfo=UTC)


def read(text: str) -> Any:
    return read_value(text)[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{a: 1, 'b.c': [true, null], $or: [{}]}", {"a": 1, "b.c": [True, None], "$or": [{}]}),
        ('{["__proto__"]: 1}', {"__proto__": 1}),
        ("{n: Long('5'), m: NumberLong(6), k: NumberInt(7)}", {"n": 5, "m": 6, "k": 7}),
        ('{"n": {"$numberLong": "5"}, "d": {"$numberDouble": "1.5"}}', {"n": 5, "d": 1.5}),
        ("{d: ISODate('2024-01-31T12:00:00Z')}", {"d": NOON}),
        ("{d: new Date('2024-01-31T12:00:00.000Z')}", {"d": NOON}),
        ("{d: 2024-01-31T12:00:00.000Z}", {"d": NOON}),
        ('{"d": {"$date": {"$numberLong": "1706702400000"}}}', {"d": NOON}),
        ('{"d": {"$date": "2024-01-31T12:00:00Z"}}', {"d": NOON}),
        ("{'d': datetime.datetime(2024, 1, 31, 12, 0)}", {"d": NOON}),
        ("{x: True, y: None, z: undefined}", {"x": True, "y": None, "z": None}),
        ("{id: ObjectId('64b64b64b64b64b64b64b64b')}", {"id": ObjectId("64" + "b64b" * 5 + "b6")}),
        ("{t: Timestamp({ t: 5, i: 1 }), u: Timestamp(5, 1)}",
         {"t": Timestamp(5, 1), "u": Timestamp(5, 1)}),
        ("{d: Decimal128('1.5')}", {"d": Decimal128("1.5")}),
        ("{low: MinKey(), high: { $maxKey: 1 }}", {"low": MinKey(), "high": MaxKey()}),
        ("{a: {$regex: '^x'}}", {"a": {"$regex": "^x"}}),
        ("{a: -1.5e3, b: .5, c: 0x1F, d: Infinity}", {"a": -1500.0, "b": 0.5, "c": 31,
                                                       "d": math.inf}),
        ("{ /* why */ a: 1, // and\n b: 2, }", {"a": 1, "b": 2}),
        (r"{'quote\'s': 'caf\u00e9 \x41\n'}", {"quote's": "café A\n"}),
        ("[1, [2, [3]]]", [1, [2, [3]]]),
    ],
)  # fmt: skip
def test_every_way_to_write_a_value(text: str, value: object) -> None:
    if isinstance(value, dict) and isinstance(value.get("id"), ObjectId):
        value = {"id": ObjectId("64b64b64b64b64b64b64b64b")}
    assert read(text) == value


def test_a_regular_expression_keeps_its_options() -> None:
    found = read("{a: /^a\\/b[/]c/i}")["a"]
    assert isinstance(found, Regex)
    assert found.pattern == "^a\\/b[/]c"
    assert shell_text(found) == "/^a\\/b[/]c/i"


@pytest.mark.parametrize(
    "text",
    ["", "{", "{a", "{a:", "{a: 1", "{a 1}", "{a: b}", "{a: 'x}", "[1 2]", "{a: eval('1')}",
     "{a: ObjectId('x')}", "{a: ISODate('tomorrow')}", "[" * 5000, "{a:" * 5000],
)  # fmt: skip
def test_what_is_no_value_is_told_with_its_place(text: str) -> None:
    with pytest.raises(SyntaxProblem) as error:
        read(text)
    assert 0 <= error.value.offset <= len(text)
    assert error.value.expected


def test_a_field_with_the_name_of_the_prototype_is_a_field() -> None:
    assert shell_text({"__proto__": 1, "b": 2}) == '{["__proto__"]: 1, b: 2}'


def test_a_cut_text_gives_what_was_read() -> None:
    value, _, cut = read_value("{a: 1, b: {c: [1, 2", lenient=True)
    assert value == {"a": 1, "b": {"c": [1, 2]}}
    assert cut
    value, _, cut = read_value("{a: [Object], b: [ 1, ... 12 more items ], c: 2}")
    assert value["c"] == 2
    assert cut


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(
        lambda one: one.replace(tzinfo=UTC, microsecond=one.microsecond // 1000 * 1000)
    )
    | st.builds(ObjectId, st.binary(min_size=12, max_size=12)),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=8).filter(lambda key: not key.startswith("$")), inner,
                      max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(values)
def test_what_is_printed_is_read_back(value: object) -> None:
    assert read(shell_text(value)) == value


@given(st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_extended_json_of_the_driver_is_read(document: dict[str, Any]) -> None:
    document = {f"x{key}": value for key, value in document.items()}
    for options in (json_util.CANONICAL_JSON_OPTIONS, json_util.RELAXED_JSON_OPTIONS):
        assert read(json_util.dumps(document, json_options=options)) == document
    assert isinstance(read('{"n": {"$numberLong": "7"}}')["n"], Int64)


@given(st.text(alphabet="{}[]():,'\"`/\\ab1.$ \n…", max_size=60), st.booleans())
def test_any_text_is_read_or_refused(text: str, lenient: bool) -> None:
    with contextlib.suppress(SyntaxProblem):
        assert 0 <= read_value(text, lenient=lenient)[1] <= len(text)


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("{a: 1} {b: 2}", dict, "--filter takes a document"),
        ("[1]", dict, "--filter takes a document"),
        ("{}", list, "--filter takes a list"),
        ("{a:", dict, "--filter, character 4: expected a value"),
        ("status = 'new'", dict, "--filter, character 1"),
    ],
)
def test_an_option_that_is_none_is_refused(text: str, kind: type, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        parse(text, "--filter", kind)
