"""What a warm call costs beyond the SDK's own: the time to the first token, on each kind of connection.

    python benchmarks/call.py                  100 rounds, every kind
    python benchmarks/call.py --rounds 300 --kind anthropic --fresh

The same scripted provider, in a process of its own, is asked the same in several ways, which take turns so
that a busy machine slows all of them alike: the bare SDK with one warm client; our adapter on that SDK; the
engine, which decides on the workspace, opens the sealed key and writes the log; with `--fresh` a new SDK
client for each call. What counts is the ratio to the bare SDK: of the times, as the median of the rounds'
own ratios, and of the processor time that this process took until then, which no neighbour disturbs.

The provider begins to answer after 50 ms, which is quicker than any hosted model, and, for comparison, at
once: then nothing but the two programs is measured, and each tenth of a millisecond shows. The target is for
the first. The status is 1 where a whole call is above it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

KEY = "kQ7" + "x4Wm" * 12
PROMPT = "Summarise the ticket in two sentences: the parcel did not come, and nobody answers."
CONNECTION = "measured"
MODEL = "model-of-a-benchmark"
WARM = 10
PAUSE = 0.01
"""Seconds between two pieces of the reply. Models pause too; all of it at once would be read before it is shown."""

DELAYS = (0.05, 0.0)
"""Seconds until the provider's first byte. Hosted models take 150 ms and more; a small one on one's desk, 20 to 100."""

TARGET = 1.1
"""How much longer a whole call may take to its first token than the bare SDK's, at the first delay."""

Ask = Callable[[], Awaitable["Moment"]]


@dataclass(frozen=True)
class Moment:
    """When something happened: seconds of the clock, and of this thread's processor time."""

    clock: float
    cpu: float

    @classmethod
    def now(cls) -> Moment:
        """Return the present moment."""
        return cls(time.perf_counter(), time.thread_time())


@dataclass(frozen=True)
class Kind:
    """A kind of connection: which provider's SDK, how its bare client asks, and what the first text is."""

    provider: Any
    ask: Callable[[Any], Awaitable[Any]]
    is_text: Callable[[Any], bool]


# --- the bare SDKs


def _messages() -> Any:
    return [{"role": "user", "content": PROMPT}]


def _anthropic(client: Any) -> Awaitable[Any]:
    return client.messages.create(model=MODEL, max_tokens=16_000, messages=_messages(), stream=True)


def _responses(client: Any) -> Awaitable[Any]:
    return client.responses.create(
        model=MODEL, input=_messages(), max_output_tokens=16_000, store=False, stream=True
    )


def _chat(client: Any) -> Awaitable[Any]:
    usage = {"include_usage": True}
    return client.chat.completions.create(
        model=MODEL, messages=_messages(), max_tokens=16_000, stream=True, stream_options=usage
    )


def _gemini(client: Any) -> Awaitable[Any]:
    return client.aio.models.generate_content_stream(
        model=MODEL, contents=PROMPT, config={"max_output_tokens": 16_000}
    )


KINDS: dict[str, Kind] = {
    "anthropic": Kind("anthropic", _anthropic, lambda e: e.type == "content_block_delta"),
    "openai-responses": Kind("openai", _responses, lambda e: e.type == "response.output_text.delta"),
    "openai-chat": Kind(
        "openai", _chat, lambda e: bool(e.choices and e.choices[0].delta.content)
    ),
    "gemini": Kind("google", _gemini, lambda e: bool(e.text)),
}  # fmt: skip


def make_client(provider: str, endpoint: str) -> Any:
    import anthropic
    import httpx2
    import openai
    from google import genai

    if provider == "anthropic":
        return anthropic.AsyncAnthropic(api_key=KEY, base_url=endpoint, max_retries=0)
    if provider == "openai":
        return openai.AsyncOpenAI(api_key=KEY, base_url=endpoint, max_retries=0)
    options = genai.types.HttpOptions(base_url=endpoint, httpx_async_client=httpx2.AsyncClient())
    return genai.Client(api_key=KEY, vertexai=False, http_options=options)


async def close_client(client: Any) -> None:
    if hasattr(client, "aio"):
        await client._api_client._async_httpx_client.aclose()
        client.close()
    else:
        await client.close()


def bare(kind: Kind, client: Any) -> Ask:
    async def ask() -> Moment:
        return await first(await kind.ask(client), kind.is_text)

    return ask


def fresh(kind: Kind, endpoint: str) -> Ask:
    async def ask() -> Moment:
        client = make_client(kind.provider, endpoint)
        moment = await bare(kind, client)()
        await close_client(client)
        return moment

    return ask


async def first(stream: Any, is_text: Callable[[Any], bool]) -> Moment:
    """Return the moment of the first piece of text, and read the rest so that the connection is reused."""
    moment: Moment | None = None
    async for event in stream:
        if moment is None and is_text(event):
            moment = Moment.now()
    if moment is None:
        raise RuntimeError("The reply had no text.")
    return moment


# --- ours


@contextlib.contextmanager
def open_key() -> Generator[bytearray]:
    yield bytearray(KEY.encode())


def adapter(kind: Any, provider: Any, endpoint: str, egress: Any) -> Ask:
    from assay_nb.egress.credential import Credential
    from assay_nb.egress.origins import parse_endpoint
    from assay_nb.messages import Message, Request, TextDelta
    from assay_nb.providers import get_provider

    credential = Credential(
        parse_endpoint(provider, endpoint, connection=CONNECTION, kind=kind), open_key
    )
    request = Request(messages=(Message("user", PROMPT),))

    async def ask() -> Moment:
        implementation = await get_provider(provider, egress)
        stream = implementation.stream(request, model=MODEL, credential=credential)
        return await first(stream, lambda event: isinstance(event, TextDelta))

    return ask


def whole(engine: Any) -> Ask:
    from assay_nb.engine.call import Call
    from assay_nb.engine.events import Delta

    call = Call(instrument="playground", prompt=PROMPT, model=f"{CONNECTION}/{MODEL}")

    async def ask() -> Moment:
        return await first(engine.run(call), lambda event: isinstance(event, Delta))

    return ask


@contextlib.asynccontextmanager
async def open_engine(home: Path, kind: Any, endpoint: str) -> AsyncIterator[Any]:
    """Give an engine on a new vault, with one connection in it."""
    from assay_nb.config import Config
    from assay_nb.engine.local.solo import open_solo

    config = Config(home=home / "vault", master_key_file=home / "master.key")
    engine, control = open_solo(config, lambda notice: None)
    key = bytearray(KEY.encode())
    await control.set_key(None, CONNECTION, key, endpoint=endpoint, check=False, kind=kind)
    try:
        yield engine
    finally:
        await engine.aclose()


# --- the comparison


async def take_turns(ways: dict[str, Ask], rounds: int) -> dict[str, list[Moment]]:
    """Return how long each way took to the first token, round by round; each round begins with another way."""
    took: dict[str, list[Moment]] = {name: [] for name in ways}
    order = list(ways)
    for number in range(rounds + WARM):
        order = order[1:] + order[:1]
        for name in order:
            began = Moment.now()
            there = await ways[name]()
            if number >= WARM:
                took[name].append(Moment(there.clock - began.clock, there.cpu - began.cpu))
    return took


def ratio(ours: list[Moment], others: list[Moment], part: str) -> float:
    """Return the median of the rounds' own ratios."""
    pairs = zip(ours, others, strict=True)
    return statistics.median(getattr(one, part) / getattr(other, part) for one, other in pairs)


def show(kind: str, delay: float, took: dict[str, list[Moment]]) -> bool:
    """Print what each way took; return whether the engine is within the target."""
    within = True
    for name, moments in took.items():
        clock = 1000 * statistics.median(moment.clock for moment in moments)
        cpu = 1000 * statistics.median(moment.cpu for moment in moments)
        line = f"{kind:18}{1000 * delay:4.0f} ms  {name:9}{clock:9.2f}{cpu:9.2f}"
        if name != "bare":
            by_clock, by_cpu = (ratio(moments, took["bare"], part) for part in ("clock", "cpu"))
            above = name == "engine" and delay == DELAYS[0] and by_clock > TARGET
            within = within and not above
            line += f"{by_clock:9.2f}{by_cpu:9.2f}{'  above the target' if above else ''}"
        print(line, flush=True)
    return within


async def compare(
    kinds: list[str], endpoints: dict[str, dict[str, str]], rounds: int, anew: bool
) -> bool:
    """Measure each kind at each delay; return whether all are within the target."""
    print(f"Time to the first token, medians of {rounds} rounds; ratios to the bare SDK.")
    print(f"{'kind':18}{'begins':9}{'way':9}{'ms':>9}{'CPU ms':>9}{'ratio':>9}{'CPU':>9}")
    within = True
    for name in kinds:
        for delay in DELAYS:
            endpoint = endpoints[str(delay)][KINDS[name].provider]
            within = show(name, delay, await measure(name, endpoint, rounds, anew)) and within
    return within


async def measure(name: str, endpoint: str, rounds: int, anew: bool) -> dict[str, list[Moment]]:
    """Return how long each way to call a kind of connection took."""
    from assay_nb.providers import make_egress

    kind = KINDS[name]
    client = make_client(kind.provider, endpoint)
    with tempfile.TemporaryDirectory() as home:
        async with make_egress() as egress, open_engine(Path(home), name, endpoint) as engine:
            ways = {
                "bare": bare(kind, client),
                "adapter": adapter(name, kind.provider, endpoint, egress),
                "engine": whole(engine),
            }
            if anew:
                ways["fresh"] = fresh(kind, endpoint)
            took = await take_turns(ways, rounds)
    await close_client(client)
    return took


# --- the provider


def run_provider() -> None:
    """Serve until standard input closes."""
    from tests.fakes.providers import FakeProviders

    class Quiet(list[Any]):
        def append(self, item: object) -> None:
            """Forget the call."""

    names: tuple[Any, ...] = ("anthropic", "openai", "google")
    with contextlib.ExitStack() as stack:
        endpoints: dict[str, dict[str, str]] = {}
        for delay in DELAYS:
            fake = stack.enter_context(FakeProviders())
            fake.calls = Quiet()
            fake.answers("The parcel", " is lost.", " Nobody answers.", pause=PAUSE, delay=delay)
            endpoints[str(delay)] = {name: fake.endpoint(name) for name in names}
        print(json.dumps(endpoints), flush=True)
        sys.stdin.read()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--kind", action="append", choices=list(KINDS))
    parser.add_argument("--fresh", action="store_true", help="measure a new client per call too")
    parser.add_argument("--provider", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.provider:
        run_provider()
        return
    words = [sys.executable, __file__, "--provider"]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as served:
        assert served.stdout is not None
        endpoints = json.loads(served.stdout.readline())
        try:
            kinds = args.kind or list(KINDS)
            within = asyncio.run(compare(kinds, endpoints, args.rounds, args.fresh))
        finally:
            assert served.stdin is not None
            served.stdin.close()
    sys.exit(0 if within else 1)


if __name__ == "__main__":
    main()
