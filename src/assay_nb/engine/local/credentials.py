"""Credentials: how a stored key becomes the right to make one request, and what to say without one."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from assay_nb.egress.credential import Credential
from assay_nb.engine.local.practice import WORKSPACE, is_practice, no_key
from assay_nb.errors import EndpointRefused, ProviderKeyMissing
from assay_nb.messages import Destination, ProviderId
from assay_nb.providers import setup

if TYPE_CHECKING:
    from assay_nb.engine.local.resources import Resources
    from assay_nb.vault.vault import Vault
    from assay_nb.workspaces.membership import Workspace


def make_credential(
    vault: Vault, workspace_id: bytes, destination: Destination, *, mode: Literal["byok", "demo"]
) -> Credential:
    """Return a credential that opens the key again for each request, and overwrites it afterwards.

    A key that was replaced while a call was on its way may be bound to another place. It is then not
    sent to the old one.
    """

    @contextmanager
    def opening() -> Generator[bytes | bytearray | memoryview]:
        with vault.open_key(workspace_id, destination.provider, mode=mode) as opened:
            if opened.destination != destination:
                raise EndpointRefused(
                    "The key was replaced by one for another endpoint while this call was on its way.",
                    hint="Run it again.",
                )
            yield opened.secret.reveal()

    return Credential(destination, opening)


def find_credential(
    resources: Resources,
    workspace_id: bytes,
    destination: Destination,
    *,
    mode: Literal["byok", "demo"] = "byok",
) -> Credential:
    """Return what opens a key: from the vault, or of this process's own practice server."""
    own = resources.own_practice.find(workspace_id).get(destination.provider)
    if own is not None and own.destination == destination:
        return own
    return make_credential(resources.vault, workspace_id, destination, mode=mode)


def find_destinations(resources: Resources, workspace_id: bytes) -> dict[ProviderId, Destination]:
    """Return where a workspace's keys lead, by provider."""
    keys = resources.vault.find_keys(workspace_id)
    stored: dict[ProviderId, Destination] = {
        key.destination.provider: key.destination for key in keys
    }
    return resources.own_practice.put_first(workspace_id, stored)


def missing_key(
    resources: Resources, workspace: Workspace, provider: ProviderId | None
) -> ProviderKeyMissing:
    """Return the error for a workspace without the key that a call needs: a real one, or practice's."""
    if resources.has_practice and workspace.name == WORKSPACE:
        stored = find_destinations(resources, workspace.id)
        if all(is_practice(destination) for destination in stored.values()):
            return no_key()
    return key_missing(workspace.name, provider, hub=not resources.has_practice)


def key_missing(
    workspace: str, provider: ProviderId | None, *, hub: bool = False
) -> ProviderKeyMissing:
    """Return the error for a workspace without the key that a call needs, with how to get one."""
    about = setup.SETUP[provider or "google"]
    what = f"{about.label} key" if provider else "provider key"
    if hub:
        return ProviderKeyMissing(
            f"Workspace '{workspace}' has no {what}.",
            hint="An owner or admin adds one on the key page: `%assay keys list` shows its address.",
        )
    first = "" if provider else f"{about.label} is the fastest start. "
    return ProviderKeyMissing(
        f"Workspace '{workspace}' has no {what}.",
        hint=f"{first}Get one at {about.keys_url}, "
        f"then `assay-nb keys set {about.provider} -w {shlex.quote(workspace)}`. "
        "`assay-nb try` shows everything without a key.",
    )
