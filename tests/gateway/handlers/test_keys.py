"""The routes for keys, as a program of somebody who has signed in uses them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from assay_nb.messages import PROVIDERS, ProviderId
from tests.canaries import make_canary
from tests.fakes.providers import FakeProviders, only
from tests.gateway.stage import Stage

pytestmark = pytest.mark.anyio


@dataclass
class Keys:
    """The keys of a person's own workspace, by the API."""

    stage: Stage
    session: dict[str, str]

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        path = f"api/v1/workspaces/personal/keys{path}"
        return await self.stage.ask(method, path, headers=self.session, body=body)

    async def put(self, provider: str, **body: Any) -> tuple[int, Any]:
        return await self.ask("PUT", f"/{provider}", body)

    async def fact(self, provider: str) -> dict[str, Any]:
        _, listed = await self.ask("GET", "")
        return next(fact for fact in listed if fact["provider"] == provider)


SignIn = Callable[[], Awaitable[Keys]]


@pytest.fixture
def sign_in(stage: Stage) -> SignIn:
    async def sign_in() -> Keys:
        return Keys(stage, await stage.sign_in("ada"))

    return sign_in


@pytest.mark.slow
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("key", ["x", "ollama", "k" * 513, "k" * 8192])
async def test_own_server_takes_a_key_of_any_length(
    key: str, provider: ProviderId, sign_in: SignIn, fake: FakeProviders
) -> None:
    keys = await sign_in()

    status, answer = await keys.put(provider, key=key, endpoint=fake.endpoint(provider))

    assert (status, answer["outcome"]) == (200, "accepted")
    assert only(fake.calls).key == key


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("key", ["", " ", "\n"])
async def test_empty_key_means_that_the_server_needs_none(
    key: str, provider: ProviderId, sign_in: SignIn, fake: FakeProviders
) -> None:
    keys = await sign_in()

    status, answer = await keys.put(provider, key=key, endpoint=fake.endpoint(provider))
    tested = await keys.ask("POST", f"/{provider}/test")
    fact = await keys.fact(provider)
    _, removed = await keys.ask("DELETE", f"/{provider}")

    assert (status, answer["outcome"], tested[1]["outcome"]) == (200, "keyless", "keyless")
    assert (fact["state"], fact["placement"], fact["verified"]) == ("ready", "none", False)
    assert removed["revoke_url"] == ""
    assert [call.key for call in fake.calls] == [None, None]


@pytest.mark.slow
@pytest.mark.parametrize("key", ["", "ollama", "k" * 513])
@pytest.mark.parametrize(
    "endpoint", [None, "", "https://api.openai.com/v1", "https://API.openai.com:443/v1"]
)
async def test_providers_own_endpoint_keeps_its_checks(
    endpoint: str | None, key: str, sign_in: SignIn
) -> None:
    keys = await sign_in()

    status, answer = await keys.put("openai", key=key, endpoint=endpoint, check=False)

    assert status == 400
    assert "20 to 512 characters" in answer["error"]["hint"]
    assert (await keys.fact("openai"))["state"] == "missing"


@pytest.mark.parametrize("key", ["", "ollama"])
async def test_server_that_is_not_on_the_operators_list_is_called_neither_with_a_key_nor_without(
    key: str, sign_in: SignIn
) -> None:
    keys = await sign_in()

    status, answer = await keys.put("openai", key=key, endpoint="https://evil.example/v1")

    assert status == 403
    assert "does not send keys to" in answer["error"]["message"]
    assert (await keys.fact("openai"))["state"] == "missing"


async def test_stored_key_is_not_lost_to_an_empty_one(sign_in: SignIn, fake: FakeProviders) -> None:
    keys, endpoint = await sign_in(), fake.endpoint("openai")
    fake.open_listing = True  # it needs no key in the end
    await keys.put("openai", key=make_canary("openai"), endpoint=endpoint)

    status, answer = await keys.put("openai", key="", endpoint=endpoint)
    kept = await keys.fact("openai")
    await keys.ask("DELETE", "/openai")
    after = [(await keys.put("openai", key="", endpoint=endpoint))[0] for _ in range(2)]

    assert status == 400
    assert "Remove the stored key first" in answer["error"]["hint"]
    assert kept["placement"] == "bearer"
    assert after == [200, 200]
