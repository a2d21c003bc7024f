"""A gateway that the hub starts by itself: for a try-out, in two lines of configuration."""

from __future__ import annotations

import html
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.providers import FakeProviders
from tests.hub.stage import Hub, running_hub

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


def belongs_to_somebody_else(hub: Hub) -> None:
    os.chown(hub.gateway_home, 0, 0)
    hub.gateway_home.chmod(0o755)
    (hub.gateway_home / "gateway.toml").chmod(0o644)


def has_a_typing_error(hub: Hub) -> None:
    path = hub.gateway_home / "gateway.toml"
    path.write_text(path.read_text() + 'allow_orgins = ["https://a.example"]\n')


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (belongs_to_somebody_else, "vault does not exist, and its place belongs to another user."),
        (has_a_typing_error, "There is no setting 'allow_orgins'."),
    ],
)
def test_hub_stays_up_where_its_gateway_refuses_to_start(
    root: None, spoil: Callable[[Hub], None], reason: str
) -> None:
    """JupyterHub ends with a service that it starts and that exits: nobody had a notebook any more."""
    with FakeProviders() as fake, running_hub(fake, managed=True, spoil=spoil) as hub:
        health = hub.admin.get("/services/assay/health")
        page = hub.admin.get(
            "/services/assay/", headers={"Accept": "text/html"}, follow_redirects=True
        )
        made = hub.admin.post("/hub/api/users/erin")

        assert health.status_code == page.status_code == 503
        assert reason in health.json()["error"]["message"]
        assert html.escape(reason) in page.text
        assert made.status_code == 201
        assert reason in hub.log("hub")
        assert hub.processes["hub"].poll() is None
