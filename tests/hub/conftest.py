from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.canaries import make_canary
from tests.fakes.providers import FakeProviders
from tests.hub.stage import Browser, Hub, Kernel, running_hub
from tests.kernel.replies import critique


@pytest.fixture(scope="session")
def root() -> None:
    """The right to start programs as other users."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        sentence = "These tests keep system users apart, which takes root."
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)


@pytest.fixture(scope="session")
def hub(root: None) -> Iterator[Hub]:
    """A real hub with its proxy, the gateway, and three people; one for all tests."""
    with FakeProviders() as fake, running_hub(fake) as running:
        yield running


@pytest.fixture(scope="session")
def dora(hub: Hub) -> Browser:
    """The hub's admin, who is in the group physics and so owns its workspace."""
    hub.admin.post("/hub/api/users/dora")
    hub.admin.post("/hub/api/groups/physics/users", json={"users": ["dora"]})
    return hub.browser("dora")


@pytest.fixture(scope="session")
def key(hub: Hub, dora: Browser) -> str:
    """The canary that dora has put on the key page of the physicists' workspace."""
    key = make_canary("anthropic")
    hub.fake.keys = {key}
    form = {"action": "save", "key": key, "endpoint": hub.fake.endpoint("anthropic")}
    saved = dora.submit(f"workspaces/{dora.workspace('physics-lab')}/keys/anthropic", form)
    assert "The key is stored" in saved.text, saved.text
    hub.fake.answers(critique())
    return key


@pytest.fixture(scope="session")
def alice(hub: Hub, key: str) -> Iterator[Kernel]:
    """A kernel of a physicist's."""
    hub.start_server("alice")
    with hub.kernel("alice") as kernel:
        kernel.run("%load_ext assay_nb")
        yield kernel


@pytest.fixture(scope="session")
def carol(hub: Hub, key: str) -> Iterator[Kernel]:
    """A kernel of a historian's."""
    hub.start_server("carol")
    with hub.kernel("carol") as kernel:
        kernel.run("%load_ext assay_nb")
        yield kernel
