"""Somebody without a token, who can reach the gateway's port and nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import resource
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from assay_nb.gateway.proxy import connections, reverse_proxy
from assay_nb.gateway.proxy.reverse_proxy import REVERSE_PROXY
from tests.fakes.hub import FakeHub
from tests.fakes.providers import FakeProviders
from tests.gateway.members import ask_raw, join
from tests.gateway.raw import wire_to
from tests.gateway.stage import PREFIX, Stage, open_stage
from tests.tools import until

pytestmark = pytest.mark.anyio

HALF = f"GET {PREFIX}health HTTP/1.1\r\nHost: x\r\n".encode()


@pytest.fixture
async def stage(
    tmp_path: Path, fake: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stage]:
    # What a process gets whose service manager says nothing else.
    monkeypatch.setattr(reverse_proxy, "raise_file_limit", lambda: 1024)
    running = await open_stage(tmp_path, fake, FakeHub())
    yield running
    await running.close()


async def open_half(stage: Stage, count: int) -> list[asyncio.StreamWriter]:
    host, _, port = stage.origin.removeprefix("http://").partition(":")
    held: list[asyncio.StreamWriter] = []
    for _ in range(count):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(HALF)
        held.append(writer)
    await asyncio.sleep(0)
    return held


@pytest.mark.slow
async def test_a114_half_open_connections_are_capped_logged_and_others_are_served(
    stage: Stage, fake: FakeProviders
) -> None:
    """2,000 connections, each with half a head → capped below the table of files; members are answered."""
    open_ = stage.runner.app[REVERSE_PROXY].connections
    member = await join(stage, "openai")
    answered: list[int] = []
    held: list[asyncio.StreamWriter] = []
    for _ in range(20):
        held += await open_half(stage, 100)
        answered.append((await ask_raw(member, "openai", "responses", {"model": "m"}))[0])
        assert len(open_) <= open_.most < 1024

    for writer in held:
        writer.transport.abort()
    told = _told(stage, "ConnectionsClosed")
    assert answered == [200] * 20
    assert told
    assert told[0]["count"] >= 1


async def test_a114_full_table_of_files_is_logged_once_a_minute(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file can be opened → the log says so, once; the control: nothing is said while there is room."""
    told = partial(_told, stage, "FilesUsedUp")
    await asyncio.sleep(3 * connections.SWEEP)
    before = told()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        await asyncio.sleep(4 * connections.SWEEP)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert before == []
    assert [one["limit"] for one in told()] == [free]


def _told(stage: Stage, event: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stage.lines if f'"{event}"' in line]


async def test_a114_half_open_connections_end_in_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else comes → they end by themselves, and nothing is left of them."""
    monkeypatch.setitem(connections._SECONDS, "head", 0.2)
    open_ = stage.runner.app[REVERSE_PROXY].connections
    held = await open_half(stage, 30)

    await until(lambda: len(open_) == 0)
    for writer in held:
        writer.transport.abort()
    assert open_.waiting == 0


async def test_a114_control_whole_heads_are_answered_and_their_connections_kept(
    stage: Stage,
) -> None:
    """Positive control: the same head with its end is answered, and its connection stays."""
    open_ = stage.runner.app[REVERSE_PROXY].connections
    async with wire_to(stage) as wire:
        await wire.send(HALF, b"\r\n")
        assert (await wire.answer())[0] == 200
        assert len(open_) == 1
