"""Credentials: how a stored key becomes the right to make one request, and what to say without one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Literal

from assay_nb.connections.missing import explain_missing, explain_unnamed
from assay_nb.connections.presets import preset_of
from assay_nb.egress.credential import Credential
from assay_nb.egress.origins import is_official
from assay_nb.engine.local.keyways import find_keyway
from assay_nb.engine.local.practice import WORKSPACE, is_practice, no_key
from assay_nb.errors import EndpointRefused, ProviderKeyMissing, WrongUsage
from assay_nb.messages import PROVIDERS, Destination, label_of
from assay_nb.models import catalog

if TYPE_CHECKING:
    from assay_nb.connections.keyway import Keyway
    from assay_nb.engine.local.resources import Resources
    from assay_nb.vault.stored import OpenedKey
    from assay_nb.vault.vault import Vault
    from assay_nb.workspaces.membership import Workspace


def make_credential(
    vault: Vault, workspace_id: bytes, destination: Destination, *, mode: Literal["byok", "demo"]
) -> Credential:
    """Return a credential that opens the key again for each request, and overwrites it afterwards.

    A key that was replaced while a call was on its way may be bound to another place. It is then not
    sent to the old one.
    """
    opening = partial(_Opening, vault, workspace_id, destination, mode)
    return Credential(destination, opening, workspace_id.hex())


class _Opening:
    """A key while it is open. A gateway makes thousands a second, so it is not a generator."""

    __slots__ = ("_opened", "_what")

    def __init__(
        self,
        vault: Vault,
        workspace_id: bytes,
        destination: Destination,
        mode: Literal["byok", "demo"],
    ) -> None:
        self._what = vault, workspace_id, destination, mode
        self._opened: OpenedKey | None = None

    def __enter__(self) -> bytes | bytearray | memoryview:
        vault, workspace_id, destination, mode = self._what
        opened = vault.open_key(workspace_id, destination.connection, mode=mode)
        if opened.destination != destination:
            opened.secret.wipe()
            raise EndpointRefused(
                "The key was replaced by one for another endpoint while this call was on its way.",
                hint="Run it again.",
            )
        self._opened = opened
        return opened.secret.reveal()

    def __exit__(self, *exc_info: object) -> None:
        if self._opened is not None:
            self._opened.secret.wipe()


def find_credential(
    resources: Resources,
    workspace_id: bytes,
    destination: Destination,
    *,
    mode: Literal["byok", "demo"] = "byok",
) -> Credential:
    """Return what opens a key: from the vault, or of this process's own practice server."""
    own = resources.own_practice.find(workspace_id).get(destination.connection)
    if own is not None and own.destination == destination:
        return own
    return make_credential(resources.vault, workspace_id, destination, mode=mode)


def find_destinations(resources: Resources, workspace_id: bytes) -> dict[str, Destination]:
    """Return where a workspace's keys lead, by connection."""
    keys = resources.vault.find_keys(workspace_id)
    stored = {key.destination.connection: key.destination for key in keys}
    return resources.own_practice.put_first(workspace_id, stored)


def missing_key(
    resources: Resources,
    workspace: Workspace,
    user: str,
    connection: str | None,
    asked: str = "",
    *,
    chosen: bool = False,
) -> ProviderKeyMissing:
    """Return the error for a workspace without the connection that a call needs, with what to do.

    Args:
        resources: The vault, and whether one may practise here.
        workspace: The workspace, as its member sees it.
        user: The member.
        connection: The connection's name; None where the call names no model, and nothing has a default one.
        asked: What was written for a model, as `connection/model`; empty where none was named.
        chosen: Whether it is the workspace's own model, and the call named none.
    """
    stored = find_destinations(resources, workspace.id)
    practising = resources.has_practice and workspace.name == WORKSPACE
    if practising and all(is_practice(destination) for destination in stored.values()):
        return no_key()
    way = find_keyway(resources, workspace, user)
    if connection is None and stored:
        return ProviderKeyMissing(
            f"No model is chosen in workspace '{workspace.name}'.",
            hint=way.say_model(f"{min(stored)}/MODEL"),
        )
    if connection in PROVIDERS or connection is None:
        return _key_missing(way, connection)
    if chosen:
        return ProviderKeyMissing(
            f"The model of workspace '{workspace.name}' is {asked}, and there is no connection '{connection}'.",
            hint=way.say_model(),
        )
    servers = _order_servers(stored)
    return ProviderKeyMissing(
        f"Workspace '{workspace.name}' has no connection '{connection}'.",
        hint=explain_missing(connection, sorted(stored), way, asked=asked, servers=servers),
    )


def parse_model(stored: Mapping[str, Destination], text: str) -> tuple[str, str]:
    """Return connection and model, as `catalog.parse_model`, which knows nothing of a workspace.

    Args:
        stored: Where the workspace's keys lead, for the next step where only one of the two is named.
        text: What was written.

    Raises:
        WrongUsage: If no connection can be told from it.
    """
    try:
        return catalog.parse_model(text)
    except WrongUsage as error:
        servers = [] if catalog.suggest_model(text) else _order_servers(stored)
        hint = explain_unnamed(text, {*PROVIDERS, *stored}, servers)
        raise WrongUsage(error.message, hint=hint or error.hint) from None


def _order_servers(stored: Mapping[str, Destination]) -> list[str]:
    """Return the connections whose models may have any name, the likelier ones first: servers of one's own."""
    others = [name for name, there in stored.items() if not is_official(there)]
    return sorted(others, key=lambda name: (preset_of(stored[name].endpoint) is not None, name))


def _key_missing(way: Keyway, provider: str | None) -> ProviderKeyMissing:
    """Return the error for a workspace without the key that a call needs, with how to get one."""
    what = f"{label_of(provider)} key" if provider else "provider key"
    return ProviderKeyMissing(
        f"Workspace '{way.workspace}' has no {what}.", hint=way.say_start(provider or "")
    )
