"""The pass-through on PostgreSQL, where nothing is remembered from one request to the next."""

from __future__ import annotations

from typing import Any

import pytest
from anyio.to_thread import run_sync

from tests.fakes.providers import FakeProviders
from tests.gateway.members import ask_raw, calls_of, join

pytestmark = pytest.mark.anyio


@pytest.mark.slow
async def test_key_is_used_replaced_and_gone_at_once(
    make_stage: Any, fake: FakeProviders, request: pytest.FixtureRequest
) -> None:
    stage = await make_stage(database_url=request.getfixturevalue("postgres_url"))
    member = await join(stage, "openai")
    workspace, vault = bytes.fromhex(member.workspace), stage.services.resources.vault

    first, _ = await ask_raw(member, "openai", "responses", {"model": "m"})
    new = await stage.store_key(member.workspace, "openai")
    second, _ = await ask_raw(member, "openai", "responses", {"model": "m"})
    await run_sync(lambda: vault.remove_key(workspace, "openai", actor="ada"))
    third, _ = await ask_raw(member, "openai", "responses", {"model": "m"})

    assert [first, second, third] == [200, 200, 409]
    assert [call.key for call in fake.calls] == [member.key, new]
    assert (await calls_of(member))[0]["instrument"] == "pass-through"
