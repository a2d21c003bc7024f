"""Where a hub's keys may go: judged when a key is saved, and again before each request."""

from __future__ import annotations

from typing import Any

import pytest
from anyio.to_thread import run_sync

from assay_nb.errors import AssayError, EndpointRefused
from tests.gateway.stage import Stage
from tests.kernel.replies import PROMPT, critique

pytestmark = pytest.mark.anyio


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
        ({"allow_providers": ("openai",)}, "does not allow the provider anthropic"),
        ({"allow_models": ("anthropic/claude-opus-*",)}, "does not allow the model"),
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
    assert await run_sync(stage.services.resources.budget.left, "ada") == 7
