from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assay_nb.config import Config
from assay_nb.engine.lazy import once
from assay_nb.engine.local.resources import Resources


class Slow:
    """Something whose part takes long enough to make for everybody to have asked for it."""

    def __init__(self) -> None:
        self.made = 0
        self.asked = threading.Semaphore(0)

    @once
    def part(self) -> object:
        self.made += 1
        for _ in range(7):
            self.asked.acquire(timeout=5)
        return object()

    @once
    def whole(self) -> tuple[object, int]:
        return self.part, self.made


def ask_at_once(slow: Slow) -> list[object]:
    def ask(_: int) -> object:
        slow.asked.release()
        return slow.part

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(ask, range(8)))


def test_threads_that_ask_at_the_same_time_get_the_same_part() -> None:
    slow = Slow()

    found = ask_at_once(slow)

    assert slow.made == 1
    assert len({id(part) for part in found}) == 1


def test_a_part_that_failed_to_be_made_is_tried_again() -> None:
    class Flaky:
        tries = 0

        @once
        def part(self) -> int:
            self.tries += 1
            if self.tries == 1:
                raise OSError("not yet")
            return self.tries

    flaky = Flaky()

    with pytest.raises(OSError, match="not yet"):
        _ = flaky.part

    assert flaky.part == 2


def test_a_part_may_need_another_part() -> None:
    slow = Slow()
    slow.asked.release(7)

    assert slow.whole == (slow.part, 1)


def test_a_part_that_takes_long_holds_up_no_other_part() -> None:
    class Waiting:
        started, enough = threading.Event(), threading.Event()

        @once
        def slow(self) -> bool:
            self.started.set()
            return self.enough.wait(10)

        @once
        def quick(self) -> int:
            return 1

    waiting = Waiting()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(lambda: waiting.slow)
        waiting.started.wait(10)
        assert waiting.quick == 1
        waiting.enough.set()

    assert slow.result()


def test_threads_share_one_database(home: Path) -> None:
    resources = Resources(Config(home=home / "vault"), say=lambda line: None)
    barrier = threading.Barrier(8)

    def ask(_: int) -> int:
        barrier.wait(10)
        return id(resources.database)

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(ask, range(8)))
    resources.database.close()

    assert len(found) == 1
