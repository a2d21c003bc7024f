"""Lookups: an answer is read once, and again as soon as the database was changed."""

from __future__ import annotations

import asyncio
import queue
import threading
from pathlib import Path
from typing import Any, cast

import pytest
from anyio.to_thread import run_sync

from assay_nb.errors import WorkspaceNotFound
from assay_nb.gateway.calls.lookup import Lookup
from assay_nb.gateway.resources import GatewayResources
from assay_nb.gateway.settings import HubSettings, Settings

pytestmark = pytest.mark.anyio


class Reader:
    """Reads, and counts how often; it can be held up, and can refuse."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.began: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.may_go = threading.Event()
        self.may_go.set()
        self.refuses = False

    def __call__(self, key: str) -> str | None:
        self.read.append(key)
        number = self.read.count(key)
        self.began.put(key)
        assert self.may_go.wait(30)
        if self.refuses:
            raise WorkspaceNotFound(f"Nothing for {key}.")
        return None if key == "nothing" else f"{key} {number}"


@pytest.fixture
def resources(tmp_path: Path) -> Any:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    settings = Settings(home=home, hub=HubSettings(api_url="http://127.0.0.1:1/hub/api"))
    found = GatewayResources(settings)
    yield found
    found.changes.close()
    found.database.close()


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def lookup(resources: GatewayResources, reader: Reader) -> Lookup[str, str | None]:
    return Lookup(resources, reader)


def change(resources: GatewayResources) -> None:
    resources.workspaces.create(f"w{len(resources.workspaces.list('ada'))}", "ada")


async def test_answer_is_read_once(lookup: Lookup[str, str | None], reader: Reader) -> None:
    answers = [await lookup.find(key) for key in ("a", "b", "a", "nothing", "nothing", "b")]

    assert answers == ["a 1", "b 1", "a 1", None, None, "b 1"]
    assert reader.read == ["a", "b", "nothing"]


async def test_answer_is_read_again_after_a_change(
    lookup: Lookup[str, str | None], reader: Reader, resources: GatewayResources
) -> None:
    await lookup.find("a")

    change(resources)

    assert await lookup.find("a") == await lookup.find("a") == "a 2"


async def test_those_who_ask_at_once_get_one_answer(
    lookup: Lookup[str, str | None], reader: Reader
) -> None:
    assert set(await asyncio.gather(*[lookup.find("a") for _ in range(20)])) == {"a 1"}


async def test_who_asks_after_a_change_does_not_get_what_was_being_read_before_it(
    lookup: Lookup[str, str | None], reader: Reader, resources: GatewayResources
) -> None:
    reader.may_go.clear()
    before = asyncio.create_task(lookup.find("a"))
    await run_sync(reader.began.get)
    await run_sync(change, resources)
    after = asyncio.create_task(lookup.find("a"))
    await run_sync(reader.began.get)
    reader.may_go.set()

    assert (await before, await after) == ("a 1", "a 2")
    assert await lookup.find("a") != "a 1"  # whichever of the two was kept last


async def test_caller_that_hangs_up_does_not_cancel_the_others_answer(
    lookup: Lookup[str, str | None], reader: Reader
) -> None:
    reader.may_go.clear()
    first = asyncio.create_task(lookup.find("a"))
    await run_sync(reader.began.get)
    second = asyncio.create_task(lookup.find("a"))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    reader.may_go.set()

    assert (await second, first.cancelled()) == ("a 1", True)


async def test_refusal_is_not_remembered(lookup: Lookup[str, str | None], reader: Reader) -> None:
    reader.refuses = True
    for _ in range(2):
        with pytest.raises(WorkspaceNotFound):
            await lookup.find("a")
    reader.refuses = False

    assert await lookup.find("a") == "a 3"


async def test_everything_is_read_again_where_changes_are_not_known(
    lookup: Lookup[str, str | None],
    reader: Reader,
    resources: GatewayResources,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resources.changes, "look", cast("Any", lambda: None))

    assert [await lookup.find("a") for _ in range(2)] == ["a 1", "a 2"]
    assert len(set(await asyncio.gather(*[lookup.find("a") for _ in range(3)]))) > 1
