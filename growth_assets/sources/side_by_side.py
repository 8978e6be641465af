"""Work on items that come one after the other, on some of them at once; what it gives comes in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Done = TypeVar("Done")


def in_order(items: Iterator[Item], work: Callable[[Item], Done], at_once: int) -> Iterator[Done]:
    """`work` of each of `items`, none of them None, in threads: one makes the items, `at_once` others do the work.

    Of one more than are worked on the work may be done before it is asked for. What is raised is raised in its place:
    whatever came before it has been given by then. With `at_once` 1 the work is done in order, one after the other. Of
    one item alone it is done by whoever asks: a thread of its own would begin with memory of its own.
    """
    with ThreadPoolExecutor(1) as maker, ThreadPoolExecutor(at_once) as workers:
        coming = deque(maker.submit(next, items, None) for _ in range(2))

        def done(made: Future[Item | None]) -> Done | None:
            item = made.result()
            return None if item is None else work(item)

        def begin() -> Future[Done | None]:
            return workers.submit(done, coming.popleft() if coming else maker.submit(next, items, None))

        if coming[1].exception() is None and coming[1].result() is None:
            if (only := done(coming[0])) is not None:
                yield only
            return
        begun = deque(begin() for _ in range(at_once + 1))
        try:
            while (result := begun.popleft().result()) is not None:
                begun.append(begin())
                yield result
                del result  # not to be held while the next is waited for
        finally:
            for each in begun:
                each.cancel()
