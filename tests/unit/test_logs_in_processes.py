"""Logs read by several processes: what becomes of the command when one of them fails."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import Any, cast

import pytest

from dbtune.errors import UsageError
from dbtune.logs.parts import count_parts


@dataclass
class _Part:
    size: int = 10


class _Digest:
    def merge(self, other: _Digest) -> None:
        """Never called: no process ends well."""


def _killed(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _mistaken(*_: object) -> None:
    raise ZeroDivisionError("a bug")


def _read(count: Any) -> None:
    count_parts(cast("Any", [_Part(), _Part(), _Part()]), count, _Digest(), jobs=2)


def test_a_killed_process_is_told() -> None:
    with pytest.raises(UsageError, match="ended with -9; is there memory enough"):
        _read(_killed)


def test_a_bug_in_a_process_reaches_the_commands_error_boundary(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ZeroDivisionError, match="a bug"):
        _read(_mistaken)
    assert capfd.readouterr().err == ""
