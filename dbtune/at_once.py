"""Work in threads that nobody has to wait for: Ctrl-C ends the process whatever they do.

The threads of the standard library's pools are waited for when the process ends, which may be for
an interval to pass, or for a server that does not answer. These end with the process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def begin(do: Callable[[T], R], items: Sequence[T], most: int) -> list[Future[R]]:
    """Start to call ``do`` for each item.

    Args:
        do: called in a thread, so that it shares nothing with another one.
        items: what for.
        most: how many at a time.

    Returns:
        For each item what will come of it; one that has not begun yet can be cancelled.
    """
    made = [Future[R]() for _ in items]
    waiting: SimpleQueue[tuple[T, Future[R]]] = SimpleQueue()
    for job in zip(items, made, strict=True):
        waiting.put(job)

    def work() -> None:
        while True:
            try:
                item, future = waiting.get_nowait()
            except Empty:
                return
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(do(item))
            except BaseException as error:
                future.set_exception(error)

    for _ in range(min(most, len(made))):
        Thread(target=work, daemon=True).start()
    return made


def at_once(do: Callable[[T], R], items: Sequence[T], most: int) -> Iterator[R]:
    """What ``do`` returns for each item, in their order; none begins when the caller has stopped.

    Args:
        do: see :func:`begin`.
        items: what for.
        most: how many at a time.

    Raises:
        Exception: what ``do`` raised for the item.
    """
    made = begin(do, items, most)
    try:
        for one in made:
            yield one.result()
    finally:
        for one in made:
            one.cancel()


def apart(do: Callable[[], R]) -> Future[R]:
    """What will come of ``do``, which is called in a thread of its own."""
    return begin(lambda _: do(), (None,), 1)[0]
