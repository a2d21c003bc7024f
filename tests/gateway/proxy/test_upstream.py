"""Connections of the pass-through: what goes wrong at the proxy or in TLS is named, for the hub's operator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assay_nb.egress.origins import OperatorPolicy
from assay_nb.egress.resolver import make_vet
from assay_nb.egress.setting_names import OPERATOR
from assay_nb.errors import AssayError, ProviderUnavailable, WrongUsage
from assay_nb.gateway.proxy.upstream import Upstream, UpstreamRequest
from assay_nb.providers.transport import Egress
from tests.canaries import find_canary, make_canary
from tests.fakes.providers import FakeProviders
from tests.fakes.providers_client import make_credential
from tests.fakes.providers_tls import Authority, FakeProxy
from tests.tools import unused_port

pytestmark = pytest.mark.anyio


@dataclass
class Net:
    """A provider that speaks TLS and the operator's proxy before it."""

    fake: FakeProviders
    proxy: FakeProxy
    authority: Authority

    async def send(self, key: str, **options: Any) -> int:
        """Pass a request for the list of models through, and return the status of its answer."""
        policy = OperatorPolicy.from_urls([self.fake.origin])
        settings = {"proxy": self.proxy.url, "ca_file": self.authority.file, **options}
        upstream = Upstream(
            policy=policy,
            vet=make_vet(policy),
            egress=Egress(names=OPERATOR, **settings),
            connections=4,
        )
        await upstream.open()
        try:
            request = UpstreamRequest(make_credential(self.fake.destination("openai"), key))
            url = f"{self.fake.endpoint('openai')}/models"
            response = await upstream.send(request, "GET", url, headers={}, body=None)
            await response.read()
            upstream.end(request, response)
            return response.status
        finally:
            await upstream.close()

    async def failure(self, **options: Any) -> AssayError:
        with pytest.raises(AssayError) as caught:
            await self.send(make_canary("openai"), **options)
        assert self.fake.calls == []
        return caught.value


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    authority = Authority(tmp_path)
    with (
        FakeProviders(tls=authority.context("127.0.0.1")) as fake,
        FakeProxy(to=fake.port) as proxy,
    ):
        yield Net(fake, proxy, authority)


async def test_proxy_is_told_its_own_password_and_never_the_key(net: Net) -> None:
    net.proxy.login = "corp\\ann:p@ss/word"
    key = make_canary("openai")

    status = await net.send(key, proxy=f"corp%5Cann:p%40ss%2Fword@127.0.0.1:{net.proxy.port}")

    assert status == 200
    assert net.fake.calls[0].key == key
    assert not find_canary(b"".join(net.proxy.heads), key)


async def test_exempt_host_is_reached_without_the_proxy(net: Net) -> None:
    exempt = f"127.0.0.1:{net.fake.port}"

    assert await net.send(make_canary("openai"), no_proxy=exempt) == 200
    assert net.proxy.heads == []


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (407, "wants a user name and a password"),
        (403, "does not let requests through to"),
        (503, "cannot reach"),
        (405, "does not answer as an HTTP proxy does"),
    ],
)
async def test_proxy_that_refuses_is_named_for_the_operator(
    net: Net, status: int, said: str
) -> None:
    net.proxy.status = status

    error = await net.failure()

    assert isinstance(error, ProviderUnavailable)
    assert said in error.message
    assert str(error.hint).startswith("Tell the hub's operator: ")


async def test_proxy_that_is_not_there_is_named_and_not_the_provider(net: Net) -> None:
    gone = f"http://127.0.0.1:{unused_port()}"

    error = await net.failure(proxy=gone)

    assert error.message == f"The proxy {gone} cannot be reached."


@pytest.mark.parametrize("by_proxy", [True, False])
async def test_certificate_that_is_not_trusted_is_said_to_be_the_reason(
    net: Net, tmp_path: Path, by_proxy: bool
) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")

    error = await net.failure(ca_file=other.file, no_proxy=None if by_proxy else "*")

    assert error.message.startswith(f"TLS certificate of 127.0.0.1:{net.fake.port} is not trusted")
    assert "`ca_file` in the gateway's configuration" in str(error.hint)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"proxy": "socks5://127.0.0.1:1080"}, "SOCKS"),
        ({"ca_file": "/no/ca.pem"}, "/no/ca.pem that `ca_file` in the gateway's configuration"),
    ],
)
async def test_wrong_setting_stops_the_gateway_when_it_opens(
    net: Net, options: dict[str, str], said: str
) -> None:
    error = await net.failure(**options)

    assert isinstance(error, WrongUsage)
    assert said in error.message
