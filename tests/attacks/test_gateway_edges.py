"""Attacks on the gateway's edges: what a request names, what a reply's head holds, who is still signed in."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest

from assay_nb.errors import PermissionDenied
from assay_nb.gateway.proxy.model_list import check_body_models
from assay_nb.gateway.proxy.target import Target
from assay_nb.gateway.settings import Settings
from assay_nb.messages import Destination
from tests.fakes.providers import FakeProviders, only
from tests.gateway.conftest import make_stage, stage
from tests.gateway.members import Member, join
from tests.gateway.stage import Stage

__all__ = ["make_stage", "stage"]

pytestmark = pytest.mark.anyio

LISTED = ("openai/gpt-x", "anthropic/claude-haiku*", "google/gemini-x")


async def send(
    member: Member, provider: str, path: str, body: bytes, kind: str = "application/json"
) -> int:
    """Return the status of a request, sent byte by byte as it is given."""
    headers = {"Authorization": f"Bearer {member.token}", "Content-Type": kind}
    url = f"{member.base(provider)}/{path}"
    async with member.stage.http.post(url, data=BytesIO(body), headers=headers) as response:
        await response.read()
        return response.status


# --- a112: models beside the one that is looked at

FRAME = "multipart/form-data; boundary=frame"
LINES = b'{"custom_id": "1", "body": {"model": "%s"}}\n'


def batch_form(model: bytes) -> bytes:
    head = b"--frame\r\nContent-Disposition: form-data; "
    return (
        head
        + b'name="purpose"\r\n\r\nbatch\r\n'
        + head
        + b'name="file"; filename="b.jsonl"\r\n\r\n'
        + LINES % b"gpt-x"
        + LINES % model
        + b"\r\n--frame--\r\n"
    )


@pytest.mark.parametrize(
    ("provider", "path", "body"),
    [
        ("openai", "chat/completions", {"model": "gpt-x", "models": ["gpt-dear"]}),
        ("openai", "chat/completions", {"model": "gpt-x", "fallbacks": [{"model": "gpt-dear"}]}),
        ("openai", "responses", {"model": "gpt-x", "tools": [{"type": "t", "model": "gpt-dear"}]}),
        ("openai", "responses?model=gpt-dear", {"model": "gpt-x"}),
        ("openai", "chat/completions/models/gpt-x", {"model": "gpt-dear"}),
        ("openai", "batches", {"model": "gpt-x", "input_file_id": "file-1"}),
        ("openai", "batches", {"input_file_id": "file-1"}),
        (
            "anthropic",
            "v1/messages/batches",
            {"model": "claude-haiku-x", "requests": [{"params": {"model": "claude-opus"}}]},
        ),
        ("google", "v1beta/models/gemini-x:batchEmbed", {"requests": [{"model": "models/dear"}]}),
        ("google", "v1beta/openai/chat/completions/models/gemini-x", {"model": "gemini-dear"}),
    ],
)
async def test_a112_forbidden_model_beside_an_allowed_one_is_refused(
    provider: str, path: str, body: Any, make_stage: Any, fake: FakeProviders
) -> None:
    """A request names a forbidden model anywhere beside an allowed one → 403, nothing sent on."""
    member = await join(await make_stage(allow_models=LISTED), provider)

    status = await send(member, provider, path, json.dumps(body).encode())

    assert (status, fake.calls) == (403, [])


@pytest.mark.parametrize(
    ("provider", "path", "body"),
    [
        ("openai", "chat/completions", {"model": "gpt-x", "models": ["gpt-x"]}),
        ("openai", "responses", {"model": "gpt-x", "tools": [{"type": "t", "model": "gpt-x"}]}),
        (
            "anthropic",
            "v1/messages/batches",
            {"requests": [{"params": {"model": "claude-haiku-x"}}]},
        ),
        ("google", "v1beta/models/gemini-x:generateContent", {"contents": []}),
    ],
)
async def test_a112_control_the_same_request_for_listed_models_is_sent(
    provider: str, path: str, body: Any, make_stage: Any, fake: FakeProviders
) -> None:
    member = await join(await make_stage(allow_models=LISTED), provider)

    await send(member, provider, path, json.dumps(body).encode())

    assert only(fake.calls).body == body


@pytest.mark.parametrize(("model", "sent"), [(b"gpt-dear", 0), (b"gpt-x", 1)])
async def test_a112_file_of_requests_is_read_line_by_line(
    model: bytes, sent: int, make_stage: Any, fake: FakeProviders
) -> None:
    """A batch's file names a forbidden model in one line → refused; the control names none and is sent."""
    member = await join(await make_stage(allow_models=LISTED), "openai")

    status = await send(member, "openai", "files", batch_form(model), FRAME)

    assert len(fake.calls) == sent
    assert (status == 403) is (sent == 0)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a112_method_without_a_body_hides_no_model(
    method: str, make_stage: Any, fake: FakeProviders
) -> None:
    member = await join(await make_stage(allow_models=LISTED), "openai")
    headers = {"Authorization": f"Bearer {member.token}"}
    url = member.base("openai") + "/responses"

    statuses: list[int] = []
    for model in ("gpt-dear", "gpt-x"):
        asked = member.stage.http.request(method, url, json={"model": model}, headers=headers)
        async with asked as response:
            statuses.append(response.status)

    assert statuses[0] == 403
    assert only(fake.calls).body == {"model": "gpt-x"}


# --- a113: bodies that take long to read


async def test_a113_body_that_has_to_be_read_is_bounded(
    make_stage: Any, fake: FakeProviders
) -> None:
    """26 MiB of numbers under a list → refused from its length alone; without a list it is passed on."""
    body = b'{"model":"gpt-x","a":[' + b"1e9," * 6_500_000 + b"1]}"
    member = await join(await make_stage(allow_models=LISTED), "openai")

    assert await send(member, "openai", "responses", body) == 413
    assert fake.calls == []


async def test_a113_control_without_a_list_the_same_body_is_passed_on(
    stage: Stage, fake: FakeProviders
) -> None:
    member = await join(stage, "openai")
    body = b'{"model":"gpt-x","a":[' + b"1e9," * 6_500_000 + b"1]}"

    await send(member, "openai", "responses", body)

    assert len(fake.calls) == 1


async def test_a113_body_without_a_length_is_bounded_as_it_comes(
    make_stage: Any, fake: FakeProviders
) -> None:
    member = await join(
        await make_stage(allow_models=LISTED, limits={"checked_body": 1_000}), "openai"
    )

    async def pieces() -> Any:
        for _ in range(50):
            yield b" " * 100

    with_length = await send(member, "openai", "responses", b" " * 1_001)
    headers = {"Authorization": f"Bearer {member.token}", "Content-Type": "application/json"}
    url = member.base("openai") + "/responses"
    async with member.stage.http.post(url, data=pieces(), headers=headers) as response:
        assert (with_length, response.status) == (413, 413)
    assert fake.calls == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"model":"gpt-x","a":[' + b"1e9," * 900_000 + b"1]}", id="numbers"),
        pytest.param(b'{"model":"gpt-x","a":' + b"[" * 3_000_000, id="depth"),
        pytest.param(b'{"model":"gpt-x","a":[' + b'{"b":"c"},' * 20_000 + b"1]}", id="names"),
    ],
)
async def test_a113_others_have_their_turn_while_a_body_is_read(body: bytes) -> None:
    """Reading megabytes gives way again and again, so nobody waits for the end of it."""
    settings = Settings(allow_models=LISTED)
    there = Destination(
        "openai", "https://api.openai.com/v1", "https://api.openai.com:443", "bearer"
    )
    target = Target("openai", "POST", "responses", "", ())
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    with suppress(PermissionDenied):
        await check_body_models(settings, target, there, "application/json", body)
    counting.cancel()

    assert turns >= len(body) // 65_536
