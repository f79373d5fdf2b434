"""Patterns of Redis commands: words of keys stay, data does not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.redis.patterns import (
    COUNTED_KEYS,
    FIRST_IS_KEY,
    SECOND_IS_KEY,
    command_name,
    command_pattern,
    hidden_arguments,
    hidden_bytes,
    key_pattern,
)


@pytest.mark.parametrize(
    ("key", "pattern"),
    [
        ("user:1234:name", "user:*:name"),
        ("cart:8812", "cart:*"),
        ("user-profile:42", "user-profile:*"),
        ("session:550e8400-e29b-41d4-a716-446655440000", "session:*"),
        ("cache:d41d8cd98f00b204e9800998ecf8427e", "cache:*"),
        ("order1234", "order*"),
        ("order_1234", "order_*"),
        ("v2:page", "v*:page"),
        ("{user1000}.following", "{user*}.following"),
        ("sess:Zm9vYmFy", "sess:*"),
        ("mail:bob@example.com", "mail:*.com"),
        ("name:John Smith", "name:*"),
        ("log:2024-01-02", "log:*"),
        ("étage:3", "étage:*"),
        ("a:1:2:3", "a:*:*:*"),
        ("12345", "*"),
        ("", '""'),
        ("key\x1b\n", "*"),
        ("x" * 300, "*"),
        ("user:aaaa... (900 more bytes)", "user:*"),
        ("user:*", "user:*"),
        ("user:12?4:*", "user:*?*:*"),
        ("user_*", "user_*"),
        ("user-profile-*", "user-profile-*"),
        ("user-12*", "user-*"),
    ],
)
def test_keys(key: str, pattern: str) -> None:
    assert key_pattern(key) == pattern


@pytest.mark.parametrize(
    ("words", "pattern"),
    [
        (["get", "user:1"], "GET user:*"),
        (["SET", "user:1", "value", "EX", "60"], "SET user:*"),
        (["KEYS", "user:*"], "KEYS user:*"),
        (["SCAN", "0", "match", "user:9*", "COUNT", "10"], "SCAN user:*"),
        (["SCAN", "0"], "SCAN"),
        (["MGET", "a:1", "a:2"], "MGET a:* …"),
        (["MGET", "a:1", "b:2", "... (30 more arguments)"], "MGET a:* b:* …"),
        (["EVAL", "return 'secret'", "1", "user:5:name", "secret"], "EVAL user:*:name"),
        (["EVALSHA", "4fd2c1" + "0" * 34, "0"], "EVALSHA 4fd2c10000"),
        (["FCALL", "my_function", "2", "k:1", "l:2", "secret"], "FCALL my_function k:* l:* …"),
        (["XREADGROUP", "GROUP", "g", "c", "STREAMS", "s:1", ">"], "XREADGROUP s:*"),
        (["BITOP", "AND", "dest:1", "a"], "BITOP dest:*"),
        (["ZUNION", "2", "z:1", "z:2"], "ZUNION z:* …"),
        (["OBJECT", "ENCODING", "k:1"], "OBJECT ENCODING k:*"),
        (["CONFIG", "GET", "requirepass"], "CONFIG GET"),
        (["client", "list"], "CLIENT LIST"),
        (["AUTH", "(redacted)"], "AUTH"),
        (["PUBLISH", "channel", "secret"], "PUBLISH"),
        (["MYMODULE.DO", "secret"], "MYMODULE.DO"),
        # ElastiCache hides the arguments.
        (["GET", "... (1 more arguments)"], "GET"),
        (["GET"], "GET"),
        ([], "(unreadable command)"),
        (["\x00evil\n"], "(unreadable command)"),
    ],
)
def test_commands(words: list[str], pattern: str) -> None:
    assert command_pattern(words) == pattern


def test_what_slowlog_cut_is_counted() -> None:
    words = ["SET", "k... (10 more bytes)", "v... (2000000 more bytes)"]
    assert hidden_bytes(words) == 2_000_010
    assert hidden_arguments(["MGET", *["k"] * 30, "... (1970 more arguments)"]) == 1970
    assert hidden_arguments(words) == 0


_names = sorted(
    {*FIRST_IS_KEY, *SECOND_IS_KEY, *COUNTED_KEYS, "SCAN", "XREAD", "CONFIG", "NOSUCH", "AUTH"}
)
# Data as it stands in keys and arguments: numbers, hashes, mail addresses, tokens, spaces.
_secrets = st.one_of(
    st.integers(987_650_000, 987_659_999).map(str),
    st.uuids().map(lambda one: f"98765432{str(one)[8:]}"),
    st.text(alphabet="abcdef0123456789", min_size=8, max_size=40).map(lambda text: "98765" + text),
    st.text(max_size=10).map(lambda text: f"secret@{text}"),
    st.text(max_size=10).map(lambda text: f"Secret Name {text}"),
)


@given(st.sampled_from(_names), st.lists(_secrets, max_size=6))
def test_data_does_not_show(name: str, arguments: list[str]) -> None:
    shown = command_pattern([name, *arguments])
    assert not re.search("98765|secret|Secret", shown)


@given(st.lists(st.text(max_size=30), max_size=8))
def test_hostile_words_never_raise(words: list[str]) -> None:
    assert command_pattern(words)
    assert isinstance(command_name(words), str)
    assert hidden_bytes(words) >= 0
    assert hidden_arguments(words) >= 0


@given(st.text())
def test_a_pattern_is_a_pattern_of_itself(key: str) -> None:
    assert key_pattern(key_pattern(key) if key else "x") == (key_pattern(key) if key else "x")
