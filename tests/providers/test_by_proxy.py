"""Calls through a real proxy and real TLS on loopback: what goes wrong there is named, and by whom."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpcore2
import pytest

from assay_nb.egress.setting_names import OPERATOR, SOLO
from assay_nb.errors import AssayError, ProviderUnavailable, WrongUsage
from assay_nb.messages import Destination
from assay_nb.providers.exchange import Limits
from assay_nb.providers.retry import Retry
from assay_nb.providers.transport import Egress, TunnelClock
from tests.canaries import find_canary, make_canary
from tests.fakes.providers import FakeProviders
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
from tests.tools import unused_port

pytestmark = pytest.mark.anyio

_HASTY = Limits(idle=60, connect=1)


@dataclass
class Net:
    """A provider that speaks TLS, a proxy before it, and the authority of both."""

    fake: FakeProviders
    proxy: FakeProxy
    authority: Authority

    def egress(self, **options: object) -> Egress:
        settings = {"proxy": self.proxy.url, "ca_file": self.authority.file, **options}
        return Egress(**settings)


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    authority = Authority(tmp_path)
    with (
        FakeProviders(tls=authority.context("127.0.0.1")) as fake,
        FakeProxy(to=fake.port) as proxy,
    ):
        yield Net(fake, proxy, authority)


async def ask(
    egress: Egress,
    fake: FakeProviders,
    wire: str = "anthropic",
    destination: Destination | None = None,
    key: str | None = None,
) -> str:
    there = destination or fake.destination(provider_of(wire))
    credential = make_credential(there, key or make_canary(there.provider))
    provider = make_provider(wire, egress, fake, Retry(attempts=1))
    return text_of(await collect(provider.stream(make_request(), model="m", credential=credential)))


async def failure(egress: Egress, fake: FakeProviders, wire: str = "anthropic") -> AssayError:
    async with egress:
        with pytest.raises(AssayError) as caught:
            await ask(egress, fake, wire)
    return caught.value


# --- proxies that are well --------------------------------------------------------------------------


@pytest.mark.parametrize("wire", WIRES)
async def test_address_without_a_scheme_is_used(net: Net, wire: str) -> None:
    async with net.egress(proxy=f"127.0.0.1:{net.proxy.port}") as egress:
        assert await ask(egress, net.fake, wire) == "Hello, world."

    assert len(net.proxy.heads) == 1


async def test_proxy_is_told_its_own_password_and_never_the_key(net: Net) -> None:
    net.proxy.login = "corp\\ann:p@ss/word"
    key = make_canary("anthropic")

    async with net.egress(
        proxy=f"http://corp%5Cann:p%40ss%2Fword@127.0.0.1:{net.proxy.port}"
    ) as egress:
        assert await ask(egress, net.fake, key=key) == "Hello, world."

    assert not find_canary(b"".join(net.proxy.heads), key)


async def test_proxy_that_speaks_tls_is_verified_by_the_same_authorities(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = authority.context("127.0.0.1")
    with (
        FakeProviders(tls=tls) as fake,
        FakeProxy(to=fake.port, tls=authority.context("127.0.0.1")) as proxy,
    ):
        async with Egress(proxy=proxy.url, ca_file=authority.file) as egress:
            assert await ask(egress, fake) == "Hello, world."


async def test_proxy_has_the_time_of_a_connection_and_the_reply_its_own() -> None:
    told: list[str] = []

    async def writer(event: str, info: object) -> None:
        told.append(event)

    timeout: dict[str, float | None] = {"connect": 10.0, "read": 180.0}
    clock = TunnelClock(writer, timeout)
    waits: list[float | None] = []
    for method in (b"CONNECT", b"POST"):
        request = httpcore2.Request(method, "https://llm.example/")
        await clock("http11.send_request_headers.started", {"request": request})
        waits.append(timeout["read"])

    assert waits == [10.0, 180.0]
    assert len(told) == 2


# --- proxies that are not ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "said", "step"),
    [
        (407, "wants a user name and a password", "Set HTTPS_PROXY to http://USER:PASSWORD@"),
        (403, "does not let requests through to 127.0.0.1", "NO_PROXY"),
        (429, "does not let requests through to 127.0.0.1", "NO_PROXY"),
        (502, "cannot reach 127.0.0.1", "Try again"),
        (504, "cannot reach 127.0.0.1", "Try again"),
        (405, "does not answer as an HTTP proxy does (status 405)", "Check the port in HTTPS_PROXY"),
    ],
)  # fmt: skip
async def test_proxy_that_refuses_is_named_with_its_reason(
    net: Net, status: int, said: str, step: str
) -> None:
    net.proxy.status = status

    error = await failure(net.egress(), net.fake)

    assert isinstance(error, ProviderUnavailable)
    assert said in error.message
    assert f"http://127.0.0.1:{net.proxy.port}" in error.message
    assert step in str(error.hint)
    assert net.fake.calls == []


async def test_wrong_password_is_told_from_none_and_not_shown(net: Net) -> None:
    net.proxy.login = "ann:right"

    error = await failure(
        net.egress(proxy=f"http://ann:wr0ng-one@127.0.0.1:{net.proxy.port}"), net.fake
    )

    assert "does not accept the user name and the password in HTTPS_PROXY" in error.message
    assert "wr0ng-one" not in f"{error}{error!r}"


@pytest.mark.parametrize("says", [b"\x05\xff", b"SSH-2.0-OpenSSH_9\r\n\r\n"])
async def test_port_of_another_protocol_is_told_from_a_proxy(net: Net, says: bytes) -> None:
    net.proxy.says = says

    error = await failure(net.egress(), net.fake)

    assert "does not answer as an HTTP proxy does" in error.message
    assert "SOCKS" in str(error.hint)


async def test_proxy_that_hangs_up_is_named(net: Net) -> None:
    net.proxy.says = b""

    error = await failure(net.egress(), net.fake)

    assert f"http://127.0.0.1:{net.proxy.port}" in error.message


async def test_proxy_that_says_nothing_is_waited_for_as_long_as_for_a_connection(
    net: Net,
) -> None:
    net.proxy.is_silent = True

    error = await failure(net.egress(limits=_HASTY), net.fake)

    assert "did not answer in time when asked for 127.0.0.1" in error.message


@pytest.mark.parametrize("wire", WIRES)
async def test_proxy_that_is_not_there_is_named_and_not_the_provider(net: Net, wire: str) -> None:
    gone = f"http://127.0.0.1:{unused_port()}"

    error = await failure(net.egress(proxy=gone), net.fake, wire)

    assert error.message == f"The proxy {gone} cannot be reached."
    assert "HTTPS_PROXY" in str(error.hint)
    assert isinstance(error, ProviderUnavailable)
    assert error.unreached


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("proxy", ["http://proxy:port", "socks5://127.0.0.1:1080"])
async def test_wrong_setting_fails_the_call_with_its_own_sentence(
    net: Net, wire: str, proxy: str
) -> None:
    error = await failure(net.egress(proxy=proxy), net.fake, wire)

    assert isinstance(error, WrongUsage)
    assert "HTTPS_PROXY" in error.message


async def test_wrong_proxy_does_not_stop_a_server_on_this_machine(fake: FakeProviders) -> None:
    async with Egress(proxy="http://proxy:port") as egress:
        assert await ask(egress, fake) == "Hello, world."


async def test_transient_refusal_is_tried_again_and_a_lasting_one_is_not(net: Net) -> None:
    tries = {}
    for status in (502, 407):
        net.proxy.heads.clear()
        net.proxy.status = status
        async with net.egress() as egress:
            provider = make_provider("openai-chat", egress, net.fake)
            credential = make_credential(net.fake.destination("openai"))
            stream = provider.stream(make_request(), model="m", credential=credential)
            with pytest.raises(ProviderUnavailable):
                await collect(stream)
        tries[status] = len(net.proxy.heads)

    assert tries == {502: 3, 407: 1}


# --- certificates -----------------------------------------------------------------------------------


def context_of(fault: str, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a server's context with this fault, and the authorities that its client trusts."""
    authority = Authority(folder)
    other = folder / "other"
    other.mkdir()
    if fault == "unknown authority":
        return Authority(other).context("127.0.0.1"), authority.file
    options = {"expired": {"days": -1}, "self-signed": {"own": True}}.get(fault, {})
    host = "api.example" if fault == "another name" else "127.0.0.1"
    return authority.context(host, **options), authority.file


FAULTS = [
    ("self-signed", "it is self-signed", "SSL_CERT_FILE"),
    ("unknown authority", "an authority that is not known here signed it", "SSL_CERT_FILE"),
    ("expired", "it has expired", "clock"),
    ("another name", "it is for another", "host name of the endpoint"),
]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(("fault", "why", "step"), FAULTS)
async def test_certificate_that_is_not_trusted_is_said_to_be_the_reason(
    tmp_path: Path, wire: str, fault: str, why: str, step: str
) -> None:
    tls, trusted = context_of(fault, tmp_path)
    with FakeProviders(tls=tls) as fake:
        error = await failure(Egress(ca_file=trusted), fake, wire)

        place = f"127.0.0.1:{fake.port}"
    assert error.message.startswith(f"TLS certificate of {place} is not trusted: {why}")
    assert step in str(error.hint)


@pytest.mark.parametrize(("fault", "why", "step"), FAULTS)
async def test_certificate_is_the_reason_behind_a_proxy_too(
    tmp_path: Path, fault: str, why: str, step: str
) -> None:
    tls, trusted = context_of(fault, tmp_path)
    with FakeProviders(tls=tls) as fake, FakeProxy(to=fake.port) as proxy:
        error = await failure(Egress(proxy=proxy.url, ca_file=trusted), fake)

    assert f"is not trusted: {why}" in error.message


async def test_certificate_of_the_proxy_itself_is_named_too(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    authority, other = Authority(tmp_path), Authority(tmp_path / "other")
    with (
        FakeProviders(tls=authority.context("127.0.0.1")) as fake,
        FakeProxy(to=fake.port, tls=other.context("127.0.0.1")) as proxy,
    ):
        error = await failure(Egress(proxy=proxy.url, ca_file=authority.file), fake)

        assert f"or of the proxy {proxy.url}, is not trusted" in error.message
        assert fake.calls == []


async def test_next_step_on_a_hub_is_the_operators(tmp_path: Path) -> None:
    tls, trusted = context_of("self-signed", tmp_path)
    with FakeProviders(tls=tls) as fake:
        error = await failure(Egress(ca_file=trusted, names=OPERATOR), fake)

    assert str(error.hint).startswith("Tell the hub's operator: set `ca_file` in the gateway's")
    assert SOLO.ca_file not in str(error.hint)


async def test_proxy_that_speaks_no_tls_is_one_of_the_two_that_may_be_at_fault(
    fake: FakeProviders,
) -> None:
    origin = "https://llm.example:443"
    there = Destination("openai", f"{origin}/v1", origin, "bearer")
    async with Egress(proxy=f"https://127.0.0.1:{fake.port}") as egress:
        with pytest.raises(ProviderUnavailable) as caught:
            await ask(egress, fake, "openai-chat", there)

    proxy = f"the proxy https://127.0.0.1:{fake.port}"
    assert caught.value.message == f"llm.example, or {proxy}, does not speak TLS as it should."
    assert "the endpoint or HTTPS_PROXY begins with http://" in (caught.value.hint or "")


async def test_server_that_speaks_no_tls_is_told_from_one_that_is_not_there(
    fake: FakeProviders,
) -> None:
    origin = f"https://127.0.0.1:{fake.port}"
    plain = Destination("openai", f"{origin}/v1", origin, "bearer")
    gone_origin = f"https://127.0.0.1:{unused_port()}"
    gone = Destination("openai", f"{gone_origin}/v1", gone_origin, "bearer")
    said: list[str] = []
    for there in (plain, gone):
        async with Egress() as egress:
            with pytest.raises(ProviderUnavailable) as caught:
                await ask(egress, fake, "openai-chat", there)
        said.append(caught.value.message)

    assert said == [
        f"127.0.0.1:{fake.port} does not speak TLS as it should.",
        f"{gone_origin} cannot be reached.",
    ]
