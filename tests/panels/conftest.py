"""A session on a vault whose keys lead to the practice provider, which needs no script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay_nb.config import Config
from assay_nb.engine.session import Session
from assay_nb.practice.server import PracticeServer


@pytest.fixture
def practice() -> Iterator[PracticeServer]:
    with PracticeServer() as server:
        yield server


@pytest.fixture
def session(home: Path) -> Iterator[Session]:
    session = Session(Config(home=home / "vault"), say=lambda _: None)
    yield session
    session.close()
