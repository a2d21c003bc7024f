"""A vault with keys that lead to a scripted provider, and real kernels that use it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from tests.canaries import make_canary
from tests.fakes.providers import FakeProviders

from assay_nb.config import load_config
from assay_nb.engine.session import Session
from assay_nb.messages import PROVIDERS, ProviderId


@pytest.fixture
def fake() -> Iterator[FakeProviders]:
    with FakeProviders() as fake:
        yield fake


@pytest.fixture
def keys() -> dict[ProviderId, str]:
    return {provider: make_canary(provider) for provider in PROVIDERS}


@pytest.fixture
def vault(
    home: Path, monkeypatch: pytest.MonkeyPatch, fake: FakeProviders, keys: dict[ProviderId, str]
) -> Iterator[Path]:
    """The directory of a vault whose personal workspace has a key for each provider."""
    place = home / "vault"
    monkeypatch.setenv("ASSAY_HOME", str(place))
    fake.keys = set(keys.values())
    session = Session(load_config(), say=lambda _: None)
    for provider, key in keys.items():
        store_key(session, provider, key, fake.endpoint(provider))
    session.close()
    yield place


def store_key(session: Session, provider: ProviderId, key: str, endpoint: str) -> None:
    async def save() -> None:
        await session.control.set_key(
            None, provider, bytearray(key.encode()), endpoint=endpoint, check=False
        )

    session.portal.call(save)


RunNotebook = Callable[..., NotebookNode]


@pytest.fixture
def run_notebook(tmp_path: Path) -> RunNotebook:
    """Execute cells in a real kernel, as nbconvert does, and return the notebook with its outputs."""

    def run(*cells: str, allow_errors: bool = False) -> NotebookNode:
        notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
        client = NotebookClient(
            notebook,
            timeout=60,
            allow_errors=allow_errors,
            resources={"metadata": {"path": str(tmp_path)}},
        )
        return client.execute(env=dict(os.environ))

    return run


def interpreter() -> str:
    return sys.executable
