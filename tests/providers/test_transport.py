"""The connections to providers: shared, bounded, and steered by arguments alone."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from pathlib import Path

import pytest

from assay_nb.errors import ProviderUnavailable, WrongUsage
from assay_nb.messages import Destination
from assay_nb.providers.transport import Egress
from tests.canaries import make_canary
from tests.fakes.providers import FakeProviders, only
from tests.fakes.providers_client import (
    WIRES,
    collect,
    make_credential,
    make_provider,
    make_request,
    provider_of,
    text_of,
)
from tests.fakes.providers_tls import Authority, FakeProxy

pytestmark = pytest.mark.anyio


async def ask(
    wire: str, egress: Egress, fake: FakeProviders, destination: Destination | None = None
) -> str:
    credential = make_credential(destination or fake.destination(provider_of(wire)))
    provider = make_provider(wire, egress, fake)
    return text_of(await collect(provider.stream(make_request(), model="m", credential=credential)))


# --- sharing ----------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_calls_of_all_providers_share_one_connection(
    egress: Egress, fake: FakeProviders
) -> None:
    for wire in WIRES * 3:
        await ask(wire, egress, fake)

    assert len(fake.connections) == 1


async def test_sixty_calls_with_sixty_keys_use_the_right_one_each(
    egress: Egress, fake: FakeProviders
) -> None:
    keys = [make_canary(provider_of(WIRES[number % 4])) for number in range(60)]

    async def call(number: int) -> None:
        wire = WIRES[number % 4]
        credential = make_credential(fake.destination(provider_of(wire)), keys[number])
        provider = make_provider(wire, egress, fake)
        request = make_request(f"call {number}.")
        await collect(provider.stream(request, model="m", credential=credential))

    await asyncio.gather(*map(call, range(60)))

    assert len(fake.calls) == 60
    for number, key in enumerate(keys):
        found = [each for each in fake.calls if f"call {number}." in each.text]
        assert only(found).key == key


async def test_warm_call_makes_no_tls_context(
    egress: Egress, fake: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wire in WIRES:
        await ask(wire, egress, fake)
    made: list[object] = []
    monkeypatch.setattr(ssl, "create_default_context", lambda *a, **k: made.append(a))
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", lambda *a, **k: made.append(a))

    for wire in WIRES:
        await ask(wire, egress, fake)

    assert made == []


def test_each_event_loop_has_connections_of_its_own(fake: FakeProviders) -> None:
    egress = Egress()

    async def once() -> str:
        text = await ask("openai-chat", egress, fake)
        await egress.aclose()
        return text

    assert asyncio.run(once()) == asyncio.run(once()) == "Hello, world."


async def test_sdk_that_closes_its_client_leaves_the_connections_open(
    egress: Egress, fake: FakeProviders
) -> None:
    await ask("anthropic", egress, fake)
    transport = (await egress._pool()).client._transport

    await transport.aclose()

    assert await ask("openai-chat", egress, fake) == "Hello, world."


async def test_cookie_of_one_call_is_not_sent_with_the_next(
    egress: Egress, fake: FakeProviders
) -> None:
    fake.answers("x", headers={"Set-Cookie": "who=alice; Path=/"})
    for wire in WIRES * 2:
        await ask(wire, egress, fake)

    assert not any("cookie" in call.headers for call in fake.calls)


# --- what comes back --------------------------------------------------------------------------------


async def test_compressed_reply_that_nobody_asked_for_is_read_all_the_same(
    egress: Egress, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = (
        b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m",'
        b'"choices":[{"index":0,"delta":{"content":"small"},"finish_reason":"stop"}]}\n\n'
        b"data: [DONE]\n\n"
    )
    from aiohttp import web

    async def answer(request: web.Request) -> web.Response:
        headers = {"Content-Encoding": "gzip", "Content-Type": "text/event-stream"}
        return web.Response(body=gzip.compress(frames), headers=headers)

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    destination = Destination("openai", f"{origin}/v1", origin, "bearer")
    with FakeProviders() as unused:
        text = await ask("openai-chat", egress, unused, destination)
    await egress.aclose()
    await runner.cleanup()

    assert text == "small"


# --- proxy ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exempt", ["127.0.0.1", "localhost,127.0.0.0/8", "*", " 127.0.0.1 ,x"])
async def test_host_on_the_no_proxy_list_is_reached_directly(tmp_path: Path, exempt: str) -> None:
    authority = Authority(tmp_path)
    with (
        FakeProviders(tls=authority.context("127.0.0.1")) as fake,
        FakeProxy(to=fake.port) as proxy,
    ):
        async with Egress(proxy=proxy.url, no_proxy=exempt, ca_file=authority.file) as egress:
            await ask("anthropic", egress, fake)

        assert proxy.heads == []


async def test_https_goes_by_the_proxy(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with (
        FakeProviders(tls=authority.context("127.0.0.1")) as fake,
        FakeProxy(to=fake.port) as proxy,
    ):
        async with Egress(proxy=proxy.url, ca_file=authority.file) as egress:
            await ask("anthropic", egress, fake)

        assert len(proxy.heads) == 1


async def test_plain_http_never_goes_by_the_proxy_where_it_would_show_the_key(
    fake: FakeProviders,
) -> None:
    with FakeProxy(to=fake.port) as proxy:
        async with Egress(proxy=proxy.url) as egress:
            assert await ask("google", egress, fake) == "Hello, world."

        assert proxy.heads == []


@pytest.mark.parametrize(
    ("rule", "exempt"),
    [("example.org", True), (".example.org", True), ("*.org", True), ("ample.org", False)],
)
def test_no_proxy_rule_covers_subdomains_and_no_look_alikes(rule: str, exempt: bool) -> None:
    egress = Egress(proxy="http://127.0.0.1:1", no_proxy=rule)
    destination = Destination("openai", "", "https://llm.example.org:443", "bearer")

    assert egress.goes_by_proxy(destination) is not exempt


async def test_proxy_that_refuses_is_named_and_not_the_provider(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with (
        FakeProviders(tls=authority.context("127.0.0.1")) as fake,
        FakeProxy(to=fake.port) as proxy,
    ):
        proxy.status = 407
        async with Egress(proxy=proxy.url, ca_file=authority.file) as egress:
            with pytest.raises(ProviderUnavailable, match="proxy"):
                await ask("anthropic", egress, fake)

        assert fake.calls == []


# --- addresses --------------------------------------------------------------------------------------


async def test_second_address_is_tried_where_the_first_is_not_reached(fake: FakeProviders) -> None:
    async def vet(host: str, port: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]

    async with Egress(vet=vet) as egress:
        assert await ask("anthropic", egress, fake) == "Hello, world."

    assert only(fake.calls).headers["host"] == f"127.0.0.1:{fake.port}"


# --- TLS and headers --------------------------------------------------------------------------------


async def test_certificate_file_that_is_not_there_is_named(fake: FakeProviders) -> None:
    async with Egress(ca_file="/no/such.pem") as egress:
        with pytest.raises(WrongUsage, match=r"/no/such\.pem"):
            await ask("anthropic", egress, fake)
