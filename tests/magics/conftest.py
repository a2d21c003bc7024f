"""A shell as a person has it, on a vault whose keys lead to a scripted provider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.providers import FakeProviders
from tests.kernel.stage import Stage, open_stage
from tests.magics.shells import Shell, open_shell


@pytest.fixture
def stage(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("ASSAY_HOME", str(home / "vault"))
    with open_stage(home / "vault") as stage:
        yield stage


@pytest.fixture
def fake(stage: Stage) -> FakeProviders:
    return stage.fake


@pytest.fixture
def shell(home: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    with open_shell(capsys) as shell:
        yield shell
