"""A gateway that the hub starts by itself: for a try-out, in two lines of configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.providers import FakeProviders
from tests.hub.stage import running_hub

pytestmark = [pytest.mark.slow]


def test_a_managed_gateway_runs_as_its_user_and_knows_its_hub(root: None) -> None:
    with FakeProviders() as fake, running_hub(fake, managed=True) as hub:
        (gateway,) = (
            entry
            for entry in Path("/proc").glob("[0-9]*")
            if str(hub.gateway_home).encode() in (entry / "cmdline").read_bytes()
        )
        hub.admin.post("/hub/api/users/alice")

        listed = hub.browser("alice").ask("GET", "api/v1/workspaces").json()

        assert gateway.stat().st_uid == hub.gateway_uid
        assert {one["name"] for one in listed} == {"personal", "physics-lab"}
