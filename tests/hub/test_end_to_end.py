"""A person on a hub, from the key page to a critique in a notebook."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.canaries import make_canary
from tests.hub.stage import Hub, Kernel

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hub")]


@pytest.fixture(scope="module")
def key(hub: Hub) -> str:
    """A key that alice, as the workspace's owner, has put on the key page."""
    return make_canary("anthropic")


@pytest.fixture(scope="module")
def alice(hub: Hub) -> Iterator[Kernel]:
    hub.start_server("alice")
    with hub.kernel("alice") as kernel:
        yield kernel


def test_a_kernel_finds_the_gateway_and_its_workspaces(hub: Hub, alice: Kernel) -> None:
    ran = alice.run("%load_ext assay_nb\n%assay workspace list")

    assert not ran.error
    assert "physics-lab" in ran.shown
    assert "history-lab" not in ran.shown
