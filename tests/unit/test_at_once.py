"""Threads that nobody waits for."""

from __future__ import annotations

import subprocess
import sys
from threading import Event

from dbtune.at_once import at_once


def test_results_come_in_order_whatever_ends_first() -> None:
    first = Event()

    def do(number: int) -> int:
        if number == 0:
            assert first.wait(20)
        else:
            first.set()
        return number * 2

    assert list(at_once(do, range(5), most=2)) == [0, 2, 4, 6, 8]
    assert list(at_once(do, [], most=2)) == []


def test_nothing_begins_after_the_caller_has_stopped() -> None:
    asked, go_on = [], Event()

    def do(number: int) -> int:
        asked.append(number)
        if number:
            go_on.wait(20)
        return number

    results = at_once(do, range(100), most=1)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    go_on.set()
    assert len(asked) <= 2


def test_the_process_ends_while_threads_work() -> None:
    code = """
import threading
from dbtune.at_once import at_once
def do(number):
    if number:
        threading.Event().wait()
    raise KeyboardInterrupt
try:
    list(at_once(do, range(3), 2))
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout == "interrupted\n"
