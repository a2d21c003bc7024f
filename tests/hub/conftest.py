from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.fakes.providers import FakeProviders
from tests.hub.stage import Hub, running_hub


@pytest.fixture(scope="session")
def hub() -> Iterator[Hub]:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        sentence = "These tests keep system users apart, which takes root."
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    with FakeProviders() as fake, running_hub(fake) as running:
        yield running
