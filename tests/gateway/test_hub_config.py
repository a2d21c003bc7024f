from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import Any

import pytest
from traitlets.config import Config

from assay_nb.errors import WrongUsage
from assay_nb.gateway import configure_hub
from assay_nb.gateway.teams import Team, parse_team

SCOPE = "access:services!service=assay"

configure = partial(configure_hub, one_origin="accepted")


def test_an_untouched_configuration_gets_both_grants() -> None:
    c = Config()

    configure(c, teams={"physics": "physics-lab"}, managed=False, api_token="t")

    assert c.JupyterHub.services == [
        {
            "name": "assay",
            "url": "http://127.0.0.1:8790",
            "oauth_no_confirm": True,
            "api_token": "t",
        }
    ]
    assert {"name": "user", "scopes": ["self", SCOPE]} in c.JupyterHub.load_roles
    assert c.Spawner.server_token_scopes == [
        "users:activity!user", "access:servers!server", SCOPE,
    ]  # fmt: skip
    assert c.Spawner.environment == {"ASSAY_GATEWAY_URL": "http://127.0.0.1:8790/services/assay/"}


def test_what_is_configured_already_is_kept() -> None:
    c = Config()
    c.JupyterHub.services = [{"name": "other"}]
    c.JupyterHub.load_roles = [{"name": "user", "scopes": ["self", "tokens"]}, {"name": "x"}]
    c.JupyterHub.base_url = "/jupyter/"
    c.Spawner.environment = {"A": "1"}
    c.Spawner.server_token_scopes = ["users:activity!user"]

    configure(c, managed=False, api_token="t")

    assert [one["name"] for one in c.JupyterHub.services] == ["other", "assay"]
    assert c.JupyterHub.load_roles[0]["scopes"] == ["self", "tokens", SCOPE]
    assert c.Spawner.environment["A"] == "1"
    assert c.Spawner.environment["ASSAY_GATEWAY_URL"].endswith("/jupyter/services/assay/")
    assert c.Spawner.server_token_scopes == ["users:activity!user", SCOPE]


def test_values_that_are_added_to_later_stay_open() -> None:
    c = Config()
    c.JupyterHub.services.append({"name": "other"})
    c.Spawner.environment.update({"A": "1"})

    configure(c, managed=False, api_token="t")

    assert [one["name"] for one in c.JupyterHub.services.get_value([])] == ["other", "assay"]
    assert set(c.Spawner.environment.get_value({})) == {"A", "ASSAY_GATEWAY_URL"}


def test_token_scopes_that_are_a_function_stay_one() -> None:
    c = Config()
    c.Spawner.server_token_scopes = lambda spawner: [f"for {spawner}"]

    configure(c, managed=False, api_token="t")

    assert c.Spawner.server_token_scopes("ada") == ["for ada", SCOPE]


def test_only_members_of_the_groups_when_not_everybody() -> None:
    c = Config()

    configure(c, teams={"physics": "physics-lab"}, everybody=False, managed=False, api_token="t")

    assert c.JupyterHub.load_roles == [
        {"name": "assay-teams", "scopes": [SCOPE], "groups": ["physics"]}
    ]


def test_a_managed_gateway_has_its_command_and_its_user() -> None:
    c = Config()

    configure(c, teams={"physics": "physics-lab"}, user="assay-nb", config="/etc/assay.toml")

    (service,) = c.JupyterHub.services
    assert service["user"] == "assay-nb"
    assert service["command"] == [
        sys.executable, "-m", "assay_nb.cli", "gateway",
        "--config", "/etc/assay.toml", "--team", "physics=physics-lab",
    ]  # fmt: skip


def test_owners_of_a_team_reach_a_managed_gateway() -> None:
    c = Config()

    configure(
        c,
        teams={"physics": "physics-lab", "history": {"workspace": "history-lab", "owners": ["prof", "dean"]}},
        user="assay-nb",
        everybody=False,
    )  # fmt: skip

    (service,) = c.JupyterHub.services
    words = [word for word in service["command"] if "=" in word]
    assert dict(map(parse_team, words)) == {
        "physics": Team("physics-lab"),
        "history": Team("history-lab", ("prof", "dean")),
    }
    assert c.JupyterHub.load_roles[0]["groups"] == ["history", "physics"]


@pytest.mark.parametrize(
    ("teams", "said"),
    [
        ({"history": {"workspace": "lab", "owner": ["prof"]}}, "teams.history must be"),
        ({"history": {"owners": ["prof"]}}, "teams.history must be"),
        ({"a": "lab", "b": {"workspace": "lab"}}, "'a' and 'b'"),
        ({"a": {"workspace": "lab", "owners": ["prof, the"]}}, "command line splits at"),
    ],
)
def test_teams_that_cannot_be_meant_stop_the_hub(teams: Any, said: str) -> None:
    with pytest.raises(WrongUsage, match=said):
        configure(Config(), teams=teams, user="assay-nb")


def test_a_gateway_of_its_own_needs_a_token() -> None:
    with pytest.raises(ValueError, match="api_token"):
        configure(Config(), managed=False)


def test_the_import_is_light() -> None:
    code = (
        "import sys, assay_nb.gateway\n"
        "print(sorted({n.split('.')[0] for n in sys.modules} & {'aiohttp', 'sqlalchemy', 'pydantic', "
        "'anthropic', 'openai', 'google', 'cryptography', 'httpx2', 'jinja2'}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize("host", [None, ""])
def test_one_origin_for_notebooks_and_keys_has_to_be_accepted(host: str | None) -> None:
    c = Config()
    if host is not None:
        c.JupyterHub.subdomain_host = host

    with pytest.raises(ValueError, match="subdomain_host is not set") as caught:
        configure_hub(c, managed=False, api_token="t")
    with pytest.raises(ValueError, match="subdomain_host is not set"):
        configure_hub(c, managed=False, api_token="t", one_origin="yes")  # type: ignore[arg-type]

    assert 'one_origin="accepted"' in str(caught.value)
    assert "service worker" in str(caught.value)
    assert "services" not in c.JupyterHub
    configure_hub(c, managed=False, api_token="t", one_origin="accepted")
    assert c.JupyterHub.services[0]["name"] == "assay"


@pytest.mark.parametrize(("host", "told"), [("https://hub.example.org", True), ("", False)])
def test_managed_gateway_is_told_whether_there_are_subdomains(host: str, told: bool) -> None:
    c = Config()
    c.JupyterHub.subdomain_host = host

    configure_hub(c, user="assay-nb", one_origin=None if host else "accepted")

    command = c.JupyterHub.services[0]["command"]
    assert ("--hub-subdomains" in command) is told
