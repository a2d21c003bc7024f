"""`configure_hub` for a `jupyterhub_config.py`. Standard library only: the hub's environment needs no more."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from assay_nb.gateway.teams import Team, read_teams, write_team

_SERVER_SCOPES = ("users:activity!user", "access:servers!server")
"""The scopes that the hub gives every server's token by itself; setting scopes replaces them."""


def configure_hub(
    c: Any,
    *,
    url: str = "http://127.0.0.1:8790",
    teams: Mapping[str, str | Mapping[str, Any]] | None = None,
    managed: bool = True,
    name: str = "assay",
    user: str | None = None,
    api_token: str | None = None,
    config: str | None = None,
    kernel_url: str | None = None,
    everybody: bool = True,
    one_origin: Literal["accepted"] | None = None,
) -> None:
    """Register the gateway with a JupyterHub: service, roles, server tokens and kernels' environment.

        from assay_nb.gateway import configure_hub
        configure_hub(c, url="http://127.0.0.1:8790", teams={"hub-group": "workspace"})

    A kernel may call the gateway when its person has the service's scope, which a role grants, and its
    server's token carries it. Both are set here. What is already in the configuration is kept.

    Args:
        c: The configuration object.
        url: Where the gateway listens, as the hub's proxy reaches it.
        teams: JupyterHub group to workspace, or to `{"workspace": …, "owners": [user, …]}`. The group's members
            are the workspace's, and its owners own it as soon as they are in the group. A gateway that is
            not managed has its own list in its TOML file, which is the one that counts there.
        managed: Whether the hub starts the gateway. A separate unit, under its own user, keeps the gateway's
            secrets out of the hub's reach and is the better choice.
        name: The service's name on the hub.
        user: The system user that a managed gateway runs as. It refuses to run as root, and needs a directory
            of its own: `install -d -o USER -g USER -m 0700 /var/lib/assay-nb`, or another that `config` names.
        api_token: The service's token at the hub. Needed when the gateway is not managed.
        config: The gateway's TOML file, for a managed gateway. Without one, all settings have their defaults.
        kernel_url: How kernels reach the gateway, if not directly at `url`.
        everybody: Whether everybody on the hub may use it, in their personal workspace at least. If not,
            only members of the groups in `teams` may. Those of a team that `assay-nb-operator team add`
            adds need the scope then, from a role of your own.

        one_origin: `"accepted"` where `c.JupyterHub.subdomain_host` is not set. Notebooks have the same origin as
            the page for keys then: a service worker from any person's server can answer at that page's address
            and read a key that is typed there. Keys are better entered by `assay-nb-operator keys set`.

    Raises:
        WrongUsage: If `teams` cannot be meant.
        ValueError: If a gateway that is not managed has no `api_token`, or people's pages share the gateway's
            origin and nobody has accepted that.
    """
    subdomains = _has_subdomains(c, one_origin)
    bound = read_teams(teams or {})
    scope = f"access:services!service={name}"
    service: dict[str, Any] = {"name": name, "url": url, "oauth_no_confirm": True}
    if managed:
        service["command"] = _command(bound, config, subdomains=subdomains)
        if user:
            service["user"] = user
    elif not api_token:
        raise ValueError("A gateway that the hub does not start needs `api_token`.")
    if api_token:
        service["api_token"] = api_token
    _extend(c.JupyterHub, "services", [service])
    _grant(c, scope, groups=sorted(bound), everybody=everybody)
    _let_server_tokens(c, scope)
    _update(c.Spawner, "environment", {"ASSAY_GATEWAY_URL": kernel_url or _direct(c, url, name)})


def _has_subdomains(c: Any, one_origin: str | None) -> bool:
    """Say whether everybody's pages have an origin of their own, or somebody has accepted that they have not.

    No header can keep pages of one origin apart: a service worker, once registered, answers for all of them.

    Raises:
        ValueError: If neither.
    """
    if _current(c.JupyterHub, "subdomain_host", ""):
        return True
    if one_origin != "accepted":
        raise ValueError(
            "c.JupyterHub.subdomain_host is not set, so notebooks have the same origin as the page for keys, and a "
            "service worker from any person's server can answer at its address and read a key that is typed "
            "there. Set c.JupyterHub.subdomain_host above configure_hub, or accept it with "
            'configure_hub(…, one_origin="accepted") and enter keys with `assay-nb-operator keys set`.'
        )
    return False


def _command(teams: Mapping[str, Team], config: str | None, *, subdomains: bool) -> list[str]:
    command = [sys.executable, "-m", "assay_nb.cli", "gateway"]
    if subdomains:
        command += ["--hub-subdomains", "true"]
    if config:
        command += ["--config", os.path.abspath(config)]  # noqa: PTH100 - nothing else of pathlib is needed here
    for group, team in teams.items():
        command += ["--team", write_team(group, team)]
    return command


def _grant(c: Any, scope: str, *, groups: list[str], everybody: bool) -> None:
    roles: list[dict[str, Any]] = []
    if groups:
        roles.append({"name": "assay-teams", "scopes": [scope], "groups": groups})
    if everybody:
        for role in _current(c.JupyterHub, "load_roles", []):
            if role.get("name") == "user":
                role["scopes"] = [*role.get("scopes", ["self"]), scope]
                break
        else:
            roles.append({"name": "user", "scopes": ["self", scope]})
    _extend(c.JupyterHub, "load_roles", roles)


def _let_server_tokens(c: Any, scope: str) -> None:
    scopes: list[str] | Callable[..., list[str]] = _current(c.Spawner, "server_token_scopes", [])
    if callable(scopes):

        def with_ours(spawner: Any) -> list[str]:
            return [*scopes(spawner), scope]

        c.Spawner.server_token_scopes = with_ours
    else:
        c.Spawner.server_token_scopes = [*(scopes or _SERVER_SCOPES), scope]


def _direct(c: Any, url: str, name: str) -> str:
    base = str(_current(c.JupyterHub, "base_url", "/")).strip("/")
    parts = urlsplit(url)
    prefix = f"/{base}" if base else ""
    return f"{parts.scheme}://{parts.netloc}{prefix}/services/{name}/"


def _current(section: Any, name: str, default: Any) -> Any:
    """Return the value that is already set. traitlets makes up an object where none is."""
    return section[name] if name in section and not _is_lazy(section[name]) else default


def _is_lazy(value: Any) -> bool:
    return type(value).__name__ == "LazyConfigValue"


def _extend(section: Any, name: str, values: list[Any]) -> None:
    if _is_lazy(section[name]) if name in section else False:
        section[name].extend(values)
    else:
        section[name] = [*_current(section, name, []), *values]


def _update(section: Any, name: str, values: dict[str, str]) -> None:
    if _is_lazy(section[name]) if name in section else False:
        section[name].update(values)
    else:
        section[name] = {**_current(section, name, {}), **values}
