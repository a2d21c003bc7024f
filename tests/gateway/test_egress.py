"""Where a hub's keys may go: judged when a key is saved, and again before each request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from anyio.to_thread import run_sync

from assay_nb.egress.origins import OperatorPolicy
from assay_nb.egress.resolver import make_vet
from assay_nb.errors import AssayError, EndpointRefused, ProviderUnavailable
from tests.gateway.stage import Stage
from tests.kernel.replies import PROMPT, critique

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


async def test_a_key_saved_before_the_list_became_shorter_goes_nowhere(make_stage: Any) -> None:
    before: Stage = await make_stage()
    ada = await before.kernel("ada", key="anthropic")
    before.fake.answers(critique())
    assert await ada.run("critique", PROMPT)
    seen = len(before.fake.calls)

    after: Stage = await make_stage(allow_origins=())
    later = await after.kernel("ada")
    browser = await after.sign_in("ada")

    with pytest.raises(EndpointRefused, match="does not send keys to"):
        await later.run("critique", PROMPT)
    status, _ = await after.ask(
        "POST", "api/v1/workspaces/-/keys/anthropic/test", headers=browser, body={}
    )
    assert status == 403
    with pytest.raises(AssayError):
        await later.control.models(None, ask=True)
    assert len(before.fake.calls) == seen


async def test_a_proxy_does_not_lift_the_policy(make_stage: Any) -> None:
    stage: Stage = await make_stage(allow_origins=(), proxy="http://127.0.0.1:9")
    await stage.kernel("ada", key="anthropic")
    browser = await stage.sign_in("ada")

    status, answer = await stage.ask(
        "POST", "api/v1/workspaces/-/keys/anthropic/test", headers=browser, body={}
    )

    assert (status, answer["error"]["code"]) == (403, "endpoint_refused")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"allow_providers": ("openai",)}, "does not use the provider anthropic"),
        ({"allow_models": ("anthropic/claude-opus-*",)}, "does not use the model"),
    ],
)
async def test_the_operators_lists_hold_for_stored_keys_too(
    make_stage: Any, settings: dict[str, Any], said: str
) -> None:
    stage: Stage = await make_stage(**settings)
    ada = await stage.kernel("ada", key="anthropic")

    with pytest.raises(AssayError, match=said):
        await ada.run("critique", PROMPT, model="anthropic/claude-sonnet-4-6")

    assert not stage.fake.calls
    assert await run_sync(stage.services.backing.budget.left, "ada") == 7
