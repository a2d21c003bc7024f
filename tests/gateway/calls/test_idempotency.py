from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from assay_nb.engine.call import Call
from assay_nb.errors import ProviderUnavailable
from assay_nb.gateway.calls.idempotency import IdempotencyCache
from tests.tools import until

pytestmark = pytest.mark.anyio

CALL = Call(instrument="critique", prompt="x", idempotency_key="k")


class Source:
    """Makes calls that yield so many bytes, and counts them."""

    def __init__(self, *frames: bytes, error: Exception | None = None) -> None:
        self.frames, self.error, self.made = frames, error, 0

    async def __call__(self) -> AsyncGenerator[bytes]:
        self.made += 1
        for frame in self.frames:
            await asyncio.sleep(0)
            yield frame
        if self.error is not None:
            raise self.error


async def hear(cache: IdempotencyCache, source: Source, call: Call = CALL) -> list[bytes]:
    return [frame async for frame in cache.follow("ada", call, source)]


async def test_answer_is_given_again_for_as_long_as_it_is_kept() -> None:
    cache, source = IdempotencyCache(keep=0.1), Source(b"a", b"b")

    first = await hear(cache, source)
    again = await hear(cache, source)
    await until(lambda: len(cache) == 0)
    later = await hear(cache, source)

    assert first == again == later == [b"a", b"b"]
    assert source.made == 2


async def test_call_that_failed_is_made_again() -> None:
    cache, source = IdempotencyCache(), Source(b"a", error=ProviderUnavailable("down"))
    for _ in range(2):
        with pytest.raises(ProviderUnavailable):
            await hear(cache, source)

    assert source.made == 2
    assert len(cache) == 0


async def test_everybody_who_waits_hears_of_the_failure() -> None:
    cache, source = IdempotencyCache(), Source(b"a", error=ProviderUnavailable("down"))

    heard = await asyncio.gather(*(hear(cache, source) for _ in range(3)), return_exceptions=True)

    assert [type(one) for one in heard] == [ProviderUnavailable] * 3
    assert source.made == 1


async def test_oldest_answers_go_when_there_are_too_many_bytes() -> None:
    cache, source = IdempotencyCache(most=250), Source(b"x" * 100)

    for number in range(10):
        await hear(cache, source, Call(instrument="c", prompt="", idempotency_key=str(number)))

    assert len(cache) == 2


async def test_answers_that_are_forgotten_make_room() -> None:
    cache, source = IdempotencyCache(keep=0.0, most=250), Source(b"x" * 100)

    for number in range(10):
        await hear(cache, source, Call(instrument="c", prompt="", idempotency_key=str(number)))
        await asyncio.sleep(0)  # its time is over
        await asyncio.sleep(0)

    assert len(cache) == 0
    for number in range(2):
        await hear(cache, source, Call(instrument="c", prompt="", idempotency_key=f"more {number}"))
    assert source.made == 12
    assert cache._size <= 200
