"""A kernel on a hub: the same results as in one process, and errors that say whose they are."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from anyio.to_thread import run_sync

from assay_nb.egress.setting_names import OPERATOR
from assay_nb.engine.call import Call
from assay_nb.engine.events import Delta, Finished, Started, Thought
from assay_nb.engine.remote.client import GatewayClient
from assay_nb.engine.remote.control import RemoteControl
from assay_nb.engine.remote.engine import RemoteEngine
from assay_nb.errors import (
    AssayError,
    BadReply,
    PermissionDenied,
    ProviderAuthError,
    ProviderKeyMissing,
    ProviderUnavailable,
    WorkspaceNotFound,
    WrongUsage,
)
from tests.canaries import find_canary
from tests.fakes.providers import FakeProviders
from tests.fakes.providers_tls import Authority
from tests.gateway.stage import Stage
from tests.kernel.replies import PROMPT, critique

pytestmark = pytest.mark.anyio


async def test_the_same_events_come_out_of_a_kernel_as_of_an_engine_here(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    stage.fake.answers(critique()[:50], critique()[50:])

    events = await ada.run("critique", PROMPT)

    assert isinstance(events[0], Started)
    assert "".join(e.text for e in events if isinstance(e, Delta)) == critique()
    assert isinstance(events[-1], Finished)
    assert events[-1].result.provenance.workspace == "personal"


async def test_a_result_is_the_same_after_the_journey(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    stage.fake.answers(critique())

    *_, finished = await ada.run("critique", PROMPT)

    assert isinstance(finished, Finished)
    result = finished.result
    assert result.to_dict() == type(result).from_dict(result.to_dict()).to_dict()  # type: ignore[attr-defined]


async def test_a_missing_key_is_the_same_error_as_without_a_gateway(stage: Stage) -> None:
    ada = await stage.kernel("ada")

    with pytest.raises(ProviderKeyMissing) as caught:
        await ada.run("critique", PROMPT)

    assert caught.value.hint


async def test_an_error_in_mid_stream_is_the_providers(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    stage.fake.answers("a", "b", "c", fault="cut", fault_after=2)

    with pytest.raises(ProviderUnavailable):
        await ada.run("critique", PROMPT)


@pytest.mark.parametrize(("most", "arrived"), [(1, 1), (2, 2)])
async def test_a_limit_on_a_calls_requests_holds_at_the_gateway(
    stage: Stage, most: int, arrived: int
) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    stage.fake.answers("This is not JSON.")
    before = len(stage.fake.calls)
    call = Call(instrument="critique", prompt=PROMPT, max_requests=most)

    with pytest.raises(BadReply):
        await ada.engine.ask(call)

    assert len(stage.fake.calls) - before == arrived


@pytest.mark.parametrize("value", [0, -1, True, "2", 1.5])
async def test_a_limit_that_is_none_is_refused_by_the_gateway(stage: Stage, value: Any) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    before = len(stage.fake.calls)

    with pytest.raises(WrongUsage, match="max_requests"):
        await ada.engine.ask(Call(instrument="critique", prompt=PROMPT, max_requests=value))

    assert len(stage.fake.calls) == before


async def test_a_refused_key_keeps_its_status_and_says_nothing_of_the_key(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    stage.fake.answers(status=401)

    with pytest.raises(ProviderAuthError) as caught:
        await ada.run("critique", PROMPT)

    assert caught.value.status == 401
    assert not find_canary(str(caught.value), ada.key)
    assert "in a browser and replace the key." in (caught.value.hint or "")


async def test_an_unknown_workspace_does_not_exist(stage: Stage) -> None:
    ada = await stage.kernel("ada")

    with pytest.raises(WorkspaceNotFound):
        await ada.run("critique", PROMPT, workspace="nowhere")


async def test_a_name_with_a_slash_or_a_dot_stays_a_name(stage: Stage) -> None:
    ada = await stage.kernel("ada")

    for name in ("..", "../me", "a/b", "a%2fb", "?", "#"):
        with pytest.raises(AssayError):
            await ada.control.show_workspace(name)


async def test_a_closed_stream_closes_the_providers_connection(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    stage.fake.answers("a", "b", pause=5)

    events = ada.engine.run(Call(instrument="critique", prompt=PROMPT))
    async for event in events:
        if isinstance(event, Delta):
            break
    await events.aclose()  # type: ignore[attr-defined]

    assert await run_sync(stage.fake.calls[-1].closed.wait, 1)


async def test_keys_and_members_are_not_managed_from_a_kernel(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    team = await ada.control.create_workspace("research")

    for attempt in (
        ada.control.set_key(None, "anthropic", bytearray(b"x" * 30), endpoint=None, check=False),
        ada.control.remove_key(None, "anthropic"),
        ada.control.test_key(None, "anthropic"),
        ada.control.set_key(None, "house", bytearray(), endpoint="http://x", check=False),
        ada.control.rename_connection(None, "house", "home"),
        ada.control.remove_key(None, "house"),
        ada.control.test_key(None, "house"),
        ada.control.add_member(team.id, "bob", "member"),
        ada.control.set_role(team.id, "ada", "member"),
        ada.control.remove_member(team.id, "ada"),
        ada.control.delete_workspace(team.id),
    ):
        with pytest.raises(PermissionDenied, match=r"browser|kernel"):
            await attempt


async def test_what_is_the_operators_is_said_to_be(stage: Stage) -> None:
    ada = await stage.kernel("ada")

    with pytest.raises(PermissionDenied, match="operator"):
        await ada.control.rotate_master()


async def test_control_shows_the_same_as_it_does_here(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    here = stage.services.control("ada")

    assert await ada.control.workspaces() == await here.workspaces()
    assert await ada.control.keys(None) == await here.keys(None)
    assert await ada.control.budget() == await here.budget()
    assert await ada.control.models(None, ask=False) == await here.models(None, ask=False)
    assert await ada.control.members(None) == await here.members(None)


async def test_a_chosen_workspace_is_used_from_then_on(stage: Stage) -> None:
    ada = await stage.kernel("ada")
    team = await ada.control.create_workspace("research")

    await ada.control.use_workspace("research")

    assert (await ada.control.standing()).workspace.id == team.id
    assert ada.control.selected == team.id


async def test_standing_tells_nothing_of_where_the_gateway_keeps_its_files(stage: Stage) -> None:
    ada = await stage.kernel("ada")

    standing = await ada.control.standing()

    assert standing.mode == "hub"
    assert str(stage.services.settings.home) not in str(standing.to_dict())


async def test_a_process_without_a_hub_token_says_so(stage: Stage) -> None:
    with pytest.raises(WrongUsage, match="hub token"):
        await RemoteControl(GatewayClient(stage.url, None)).standing()


async def test_a_gateway_that_is_not_there_is_one_sentence() -> None:
    engine = RemoteEngine(GatewayClient("http://127.0.0.1:9/services/assay/", "token"))

    with pytest.raises(ProviderUnavailable, match="does not answer") as caught:
        async for _ in engine.run(Call(instrument="critique", prompt=PROMPT)):
            pass

    assert caught.value.unreached


async def test_gateways_certificate_that_is_not_trusted_is_said_to_be_the_reason(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    with FakeProviders(tls=authority.context("127.0.0.1")) as server:
        stranger = GatewayClient(server.origin, "token")
        with pytest.raises(ProviderUnavailable) as caught:
            await stranger.ask("GET", "v1/models")
        friend = GatewayClient(server.origin, "token", authority.file)
        assert await friend.ask("GET", "v1/models")
        await stranger.aclose()
        await friend.aclose()

    assert "is not trusted: an authority that is not known here signed it" in caught.value.message
    assert str(caught.value.hint).startswith("Tell the hub's operator: set SSL_CERT_FILE to")


async def test_what_only_reads_is_asked_again_when_its_connection_was_cut() -> None:
    """As when the gateway was restarted. What may change something is not: nobody knows whether it was done."""
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.append(head.split()[0])
        if asked == ["GET", "GET"]:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        client = GatewayClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "token")
        assert await client.ask("GET", "api/v1/me") == {}
        with pytest.raises(ProviderUnavailable, match="was cut"):
            await client.ask("DELETE", "api/v1/x")
        await client.aclose()

    assert asked == ["GET", "GET", "DELETE"]


async def test_certificate_file_that_a_kernel_does_not_have_is_named() -> None:
    client = GatewayClient("https://127.0.0.1:9/", "token", Path("/no/ca.pem"))

    with pytest.raises(WrongUsage, match=r"/no/ca\.pem that SSL_CERT_FILE names does not exist"):
        await client.ask("GET", "api/v1/me")


async def test_settings_of_a_gateways_connections_are_called_the_operators(stage: Stage) -> None:
    assert stage.services.resources.egress.proxies.names is OPERATOR


async def test_doctor_names_the_person_and_finds_the_gateway(stage: Stage) -> None:
    ada = await stage.kernel("ada")

    findings = await ada.control.doctor()

    assert all(finding.level == "ok" for finding in findings)
    assert "ada" in findings[0].text


async def test_thoughts_come_apart_from_the_text_through_the_gateway(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="anthropic")
    stage.fake.answers("Hm", ".</think>", "Yes.")

    events = await ada.run("playground", "Is it?")

    thoughts = [event for event in events if isinstance(event, Thought)]
    finished = events[-1]
    assert thoughts[0].so_far
    assert isinstance(finished, Finished)
    assert finished.result.to_dict()["thoughts"] == "Hm."
    assert finished.result.to_dict()["output"] == "Yes."
