"""What a call costs beyond the SDK's own: first token, on a loopback provider, in one paired run.

    python benchmarks/call.py [ROUNDS]

Three ways of asking the same fake for the same short reply, taken in turn so that a busy machine slows
all of them alike: the bare SDK with one warm client, ours, and a fresh SDK client per call. What counts
is the ratio to the first.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import anthropic
import httpx2
import openai
from google import genai

from assay_nb.egress.credential import Credential
from assay_nb.messages import Message, ProviderId, Request, TextDelta
from assay_nb.providers import get_provider, make_egress
from assay_nb.providers.transport import Egress
from tests.fakes.providers import FakeProviders

Ask = Callable[[], Awaitable[float]]

KEY = "k" * 40
PROMPT = "Summarise the ticket in two sentences."


async def first_token(stream: Any, found: Callable[[Any], bool]) -> float:
    """Return the moment of the first piece of text, and read the rest so the connection is reused."""
    moment = 0.0
    async for event in stream:
        if not moment and found(event):
            moment = time.perf_counter()
    return moment


def bare_anthropic(client: anthropic.AsyncAnthropic) -> Ask:
    async def ask() -> float:
        turns: Any = [{"role": "user", "content": PROMPT}]
        stream = await client.messages.create(model="m", max_tokens=99, messages=turns, stream=True)
        return await first_token(stream, lambda event: event.type == "content_block_delta")

    return ask


def bare_openai(client: openai.AsyncOpenAI) -> Ask:
    async def ask() -> float:
        turns: Any = [{"role": "user", "content": PROMPT}]
        stream = await client.chat.completions.create(model="m", messages=turns, stream=True)
        return await first_token(
            stream, lambda chunk: bool(chunk.choices and chunk.choices[0].delta.content)
        )

    return ask


def bare_google(client: genai.Client) -> Ask:
    async def ask() -> float:
        models = client.aio.models
        stream = await models.generate_content_stream(model="m", contents=PROMPT)
        return await first_token(stream, lambda chunk: bool(chunk.text))

    return ask


def make_client(provider: str, endpoint: str) -> Any:
    if provider == "anthropic":
        return anthropic.AsyncAnthropic(api_key=KEY, base_url=endpoint)
    if provider == "openai":
        return openai.AsyncOpenAI(api_key=KEY, base_url=endpoint)
    options = genai.types.HttpOptions(base_url=endpoint, httpx_async_client=httpx2.AsyncClient())
    return genai.Client(api_key=KEY, vertexai=False, http_options=options)


BARE: dict[ProviderId, Callable[[Any], Ask]] = {
    "anthropic": bare_anthropic,
    "openai": bare_openai,
    "google": bare_google,
}


async def close(client: Any) -> None:
    if isinstance(client, genai.Client):
        await client._api_client._async_httpx_client.aclose()
        client.close()
    else:
        await client.close()


def fresh(provider: ProviderId, endpoint: str) -> Ask:
    async def ask() -> float:
        client = make_client(provider, endpoint)
        moment = await BARE[provider](client)()
        await close(client)
        return moment

    return ask


@contextlib.contextmanager
def open_key() -> Generator[bytearray]:
    yield bytearray(KEY.encode())


def ours(provider: ProviderId, fake: FakeProviders, egress: Egress) -> Ask:
    credential = Credential(fake.destination(provider), open_key)
    request = Request(messages=(Message("user", PROMPT),))

    async def ask() -> float:
        implementation = await get_provider(provider, egress)
        stream = implementation.stream(request, model="m", credential=credential)
        return await first_token(stream, lambda event: isinstance(event, TextDelta))

    return ask


async def measure(ways: dict[str, Ask], rounds: int) -> dict[str, float]:
    """Return the median milliseconds to the first token for each way, taken in turn."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 5):
        for name, ask in ways.items():
            start = time.perf_counter()
            moment = await ask()
            if number >= 5:
                times[name].append((moment - start) * 1000)
    return {name: statistics.median(values) for name, values in times.items()}


async def main(rounds: int) -> None:
    print(f"Median ms to the first token, {rounds} rounds; ratio to the bare SDK in brackets.")
    print(f"{'':10} {'bare SDK, warm':>16} {'ours, warm':>20} {'fresh client per call':>24}")
    with FakeProviders() as fake:
        async with make_egress() as egress:
            for provider in BARE:
                endpoint = fake.endpoint(provider)
                client = make_client(provider, endpoint)
                medians = await measure(
                    {
                        "bare": BARE[provider](client),
                        "ours": ours(provider, fake, egress),
                        "fresh": fresh(provider, endpoint),
                    },
                    rounds,
                )
                await close(client)
                bare = medians["bare"]
                print(
                    f"{provider:10} {bare:16.2f} "
                    f"{medians['ours']:12.2f} ({medians['ours'] / bare:4.2f}×) "
                    f"{medians['fresh']:16.2f} ({medians['fresh'] / bare:4.1f}×)"
                )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 60))
