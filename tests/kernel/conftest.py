"""One vault, one scripted provider and one kernel for this whole folder: starting a kernel takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.providers import FakeProviders
from tests.kernel.kernels import Kernel, open_kernel
from tests.kernel.stage import Stage, open_stage


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home directory of the kernel, and where it works."""
    return tmp_path_factory.mktemp("kernel")


@pytest.fixture(scope="session")
def _stage(place: Path) -> Iterator[Stage]:
    with open_stage(place / "vault") as stage:
        yield stage


@pytest.fixture
def stage(_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The vault with a key for each provider; the provider is as it was before the last test."""
    monkeypatch.setenv("ASSAY_HOME", str(_stage.home))
    _stage.reset()
    return _stage


@pytest.fixture
def fake(stage: Stage) -> FakeProviders:
    return stage.fake


@pytest.fixture(scope="session")
def _kernel(_stage: Stage, place: Path) -> Iterator[Kernel]:
    surroundings = {
        "ASSAY_HOME": str(_stage.home),
        "HOME": str(place),
        "IPYTHONDIR": str(place / ".ipython"),
        "KEY_TO_TAKE_OVER": _stage.keys["google"],
    }
    with open_kernel(place, surroundings) as kernel:
        yield kernel


@pytest.fixture
def kernel(_kernel: Kernel, stage: Stage) -> Kernel:
    """A kernel that works on the vault, shared: names and workspaces of earlier tests may be there."""
    return _kernel
