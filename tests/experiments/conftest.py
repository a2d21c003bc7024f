"""A session whose model has a known truth, in a directory of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay_nb.engine.session import set_session
from assay_nb.experiments.run.pace import Clock
from assay_nb.experiments.run.workers import stream_answers
from tests.experiments.simulated import Engine, Hours, Session
from tests.kernel.stage import Stage, open_stage


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pass the time that runs wait at once; return how long they waited."""
    hours = Hours()
    monkeypatch.setitem(stream_answers.__kwdefaults__, "clock", hours.clock)
    return hours.waits


@pytest.fixture
def true_time(waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have runs wait for as long as it takes: a program beside the test has its own clock."""
    monkeypatch.setitem(stream_answers.__kwdefaults__, "clock", Clock())


@pytest.fixture
def session(engine: Engine, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The process's session: `assay_nb.measure` and its siblings use it."""
    monkeypatch.chdir(home)
    session: Any = Session(home / "vault", engine)
    set_session(session)
    yield session
    set_session(None)


@pytest.fixture
def stage(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """The process's session with the real engine and SDKs, on keys that lead to a scripted provider."""
    monkeypatch.setenv("ASSAY_HOME", str(home / "vault"))
    monkeypatch.chdir(home)
    with open_stage(home / "vault") as stage:
        set_session(stage.session())
        yield stage
        set_session(None)
