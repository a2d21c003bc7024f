"""The practice workspace, as an engine knows it.

The server behind its keys runs inside the process that started it, and ends with it. What is stored of it
serves that person's other processes meanwhile. In its own process it is used whatever is stored: another
process that starts a server of its own replaces the stored keys, and removes nothing from this one.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assay_nb.errors import (
    AssayError,
    ProviderError,
    ProviderKeyMissing,
    ProviderUnavailable,
    WorkspaceNotFound,
    WrongUsage,
)
from assay_nb.messages import Destination

if TYPE_CHECKING:
    from assay_nb.egress.credential import Credential
    from assay_nb.engine.control import KeyFacts

WORKSPACE = "practice"
"""The name of the workspace that practice runs in."""

_PRACTICE = re.compile(r"http://127\.0\.0\.1:\d+/practice/")
_START = "`%assay try` in a notebook, `assay-nb try` in a terminal"


@dataclass
class OwnServer:
    """The practice server of this process, if it has started one.

    Attributes:
        workspace_id: The practice workspace; None while no server was started.
        credentials: What opens it. Its key is in this process's memory anyway: the server is here.
    """

    workspace_id: bytes | None = None
    credentials: Mapping[str, Credential] = field(default_factory=dict[str, "Credential"])

    def begin(self, workspace_id: bytes, credentials: Mapping[str, Credential]) -> None:
        """Use a server from now on."""
        self.workspace_id, self.credentials = workspace_id, credentials

    def find(self, workspace_id: bytes) -> Mapping[str, Credential]:
        """Return the credentials for a workspace; none, unless it is the practice workspace."""
        return self.credentials if workspace_id == self.workspace_id else {}

    def forget(self, workspace_id: bytes, provider: str) -> None:
        """Use what is stored for a provider from now on."""
        kept = self.find(workspace_id)
        if provider in kept:
            self.credentials = {name: one for name, one in kept.items() if name != provider}

    def put_first(
        self, workspace_id: bytes, stored: Mapping[str, Destination]
    ) -> dict[str, Destination]:
        """Return where a workspace's keys lead: to this process's server rather than to another's.

        A real key that somebody stored in this workspace is used as it is anywhere else.
        """
        found = dict(stored)
        for provider, own in self.find(workspace_id).items():
            if provider not in stored or is_practice(stored[provider]):
                found[provider] = own.destination
        return found


def is_practice(destination: Destination) -> bool:
    """Say whether a key leads to the practice provider: a path of its own, on this machine."""
    return is_practice_url(destination.endpoint)


def is_practice_url(endpoint: str) -> bool:
    """Say whether a base URL is the practice provider's."""
    return _PRACTICE.match(endpoint) is not None


def hold_key(destination: Destination, key: bytes) -> Credential:
    """Return a credential for this process's own practice server."""
    from assay_nb.egress.credential import Credential

    return Credential(destination, lambda: nullcontext(key))


def check_only_practice(keys: Iterable[KeyFacts]) -> None:
    """Refuse to practise in a workspace that holds a real key, which practice would replace.

    Raises:
        WrongUsage: If there is one.
    """
    stored = [key for key in keys if key.state != "missing"]
    if not all(is_practice_url(key.endpoint) for key in stored):
        raise WrongUsage(
            f"Workspace '{WORKSPACE}' holds a key of yours, which practice would replace.",
            hint=f"Rename it first: `%assay workspace rename {WORKSPACE} NAME`.",
        )


def no_workspace() -> WorkspaceNotFound:
    """Return the error where practice was never started, or its workspace was deleted."""
    return WorkspaceNotFound(
        f"There is no workspace '{WORKSPACE}' now.", hint=f"Start practice: {_START}."
    )


def no_key() -> ProviderKeyMissing:
    """Return the error for the practice workspace without its keys."""
    return ProviderKeyMissing(
        "The practice provider has not been started here.", hint=f"Start it: {_START}."
    )


def not_running(error: ProviderError) -> ProviderError:
    """Return the error for a practice server that has ended, given how the call to it failed."""
    return ProviderUnavailable(
        "The practice provider has ended, with the notebook or command that started it.",
        hint=f"Start it again: {_START}.",
        provider=error.provider,
        status=error.status,
    )


@contextmanager
def explained(destination: Destination, *, has_practice: bool) -> Generator[None]:
    """Say of a practice server that does not answer how to start one.

    Another server may have its port by now, so whatever comes back means the same, except for 400: that
    is our own server's word for a request that it cannot read.
    """
    try:
        yield
    except ProviderError as error:
        if not has_practice or error.status == 400 or not is_practice(destination):
            raise
        raise not_running(error) from None


def is_practice_error(error: AssayError) -> bool:
    """Say whether an error tells how to start practice."""
    return error.hint is not None and _START in error.hint
