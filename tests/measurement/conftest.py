"""A session whose model has a known truth, in a directory of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay_nb.engine.session import set_session
from tests.measurement.simulated import Engine, Session


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def session(engine: Engine, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The process's session: `assay_nb.measure` and its siblings use it."""
    monkeypatch.chdir(home)
    session: Any = Session(home / "vault", engine)
    set_session(session)
    yield session
    set_session(None)
