"""How a stored key becomes the right to make one request: where the vault and the wire meet."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from assay_nb.errors import EndpointRefused
from assay_nb.messages import Destination
from assay_nb.providers.base import Credential

if TYPE_CHECKING:
    from assay_nb.vault.vault import Vault


def make_credential(
    vault: Vault, workspace_id: bytes, destination: Destination, *, mode: Literal["byok", "demo"]
) -> Credential:
    """Return a credential that opens the key anew for each request, and overwrites it afterwards.

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
