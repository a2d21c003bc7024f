"""The attempt loop and the filter: how many layers they are, and what is decided before the first event."""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

import pytest

from assay_nb import providers
from assay_nb.egress.origins import parse_endpoint
from assay_nb.errors import ProviderError
from assay_nb.messages import ProviderEvent, Stopped, TextDelta
from assay_nb.providers.failures import Failed
from assay_nb.providers.refusals import read_refusal
from assay_nb.providers.transport import Egress
from tests.fakes.providers import FakeProviders
from tests.fakes.providers_client import (
    WIRES,
    Scripted,
    collect,
    make_credential,
    make_provider,
    make_request,
    provider_of,
)

pytestmark = pytest.mark.anyio

ROOM = Path(providers.__file__).parent
WIRE_SIDE = ROOM / "body.py"  # between the connection and the SDK


@contextmanager
def resumed_generators() -> Iterator[set[CodeType]]:
    """Collect the asynchronous generators of `providers/` that are resumed within the block."""
    seen: set[CodeType] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        file = Path(code.co_filename)
        is_ours = file.parent == ROOM and file != WIRE_SIDE
        if event == "call" and is_ours and code.co_flags & inspect.CO_ASYNC_GENERATOR:
            seen.add(code)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield seen
    finally:
        sys.setprofile(before)


def refused() -> Failed:
    """Return the failure of an attempt that was refused without a word on why."""
    error = ProviderError("Refused.", status=400)
    return Failed(error, again=False, refusal=read_refusal(400, None))


@pytest.mark.parametrize("wire", WIRES)
async def test_a_delta_climbs_two_generators(
    wire: str, egress: Egress, fake: FakeProviders
) -> None:
    fake.answers("one", "two", "three")
    credential = make_credential(fake.destination(provider_of(wire)))
    stream = make_provider(wire, egress, fake).stream(
        make_request(), model="a-model", credential=credential
    )
    while not isinstance(await anext(stream), TextDelta):
        pass

    with resumed_generators() as seen:
        second = await anext(stream)

    assert isinstance(second, TextDelta)
    assert seen, "control: the adapter's own is among them"
    assert len(seen) <= 2, sorted(code.co_qualname for code in seen)
    assert isinstance((await collect(stream))[-1], Stopped)


async def test_shape_is_not_changed_once_a_piece_was_handed_on() -> None:
    async def start() -> AsyncGenerator[ProviderEvent, None]:
        yield TextDelta("a piece")
        raise refused()

    credential = make_credential(parse_endpoint("anthropic"))
    adapter = Scripted(start, None)
    stream = adapter.stream(make_request(), model="m", credential=credential)

    assert await anext(stream) == TextDelta("a piece")
    with pytest.raises(ProviderError, match=r"Refused"):
        await anext(stream)
    assert adapter.shapes_tried == ["best"]


async def test_plainer_shape_is_tried_where_nothing_was_handed_on() -> None:
    replies = iter([refused(), None])

    async def start() -> AsyncGenerator[ProviderEvent, None]:
        if failed := next(replies):
            raise failed
        yield TextDelta("a piece")

    credential = make_credential(parse_endpoint("anthropic"))
    adapter = Scripted(start, None)
    events = await collect(adapter.stream(make_request(), model="m", credential=credential))

    assert events == [TextDelta("a piece")]
    assert adapter.shapes_tried == ["best", "plainer"]
