"""Vetted name resolution: every address of a host is judged before a hub connects to one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from assay_nb.egress.origins import OperatorPolicy
from assay_nb.egress.resolver import make_vet
from assay_nb.errors import EndpointRefused, ProviderUnavailable

pytestmark = pytest.mark.anyio


def resolving(*addresses: str) -> Any:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


LISTED = OperatorPolicy.from_urls(["https://llm.example.org:8443", "http://127.0.0.1:9999"])


async def test_a_good_answer_is_what_is_connected_to() -> None:
    vet = make_vet(LISTED, resolving("93.184.216.34", "2606:2800:220:1::1"))

    assert await vet("api.openai.com", 443) == ["93.184.216.34", "2606:2800:220:1::1"]


@pytest.mark.parametrize(
    "bad",
    [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "::1",
        "64:ff9b::a9fe:a9fe",
        "fd00::1",
    ],
)
async def test_one_bad_answer_among_good_ones_refuses_the_host(bad: str) -> None:
    vet = make_vet(LISTED, resolving("93.184.216.34", bad))

    with pytest.raises(EndpointRefused):
        await vet("api.openai.com", 443)


@pytest.mark.parametrize(
    ("host", "port"),
    [("evil.example", 443), ("llm.example.org", 443), ("api.openai.com", 8443), ("127.0.0.1", 80)],
)
async def test_an_origin_that_is_not_listed_is_not_even_resolved(host: str, port: int) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise AssertionError("it was asked for")

    with pytest.raises(EndpointRefused):
        await make_vet(LISTED, resolve)(host, port)


async def test_a_listed_loopback_origin_is_let_through() -> None:
    assert await make_vet(LISTED)("127.0.0.1", 9999) == ["127.0.0.1"]


async def test_a_host_that_is_not_found_is_said_to_be() -> None:
    with pytest.raises(ProviderUnavailable, match="not found"):
        await make_vet(OperatorPolicy.from_urls(["https://no-such-host.localhost"]))(
            "no-such-host.localhost", 443
        )


async def test_a_listed_private_host_may_have_a_private_address() -> None:
    vet = make_vet(LISTED, resolving("10.0.0.7"))

    assert await vet("llm.example.org", 8443) == ["10.0.0.7"]
