"""What nobody asks for and has to be done all the same, a few times a day."""

from __future__ import annotations

import asyncio

from anyio.to_thread import run_sync

from assay_nb.errors import AssayError
from assay_nb.gateway.auth.run_tokens import forget_old
from assay_nb.gateway.process.logs import Changed
from assay_nb.gateway.resources import GatewayResources
from assay_nb.gateway.services import Services

_EVERY = 6 * 3600.0
_NAME = "(gateway)"


async def keep_house(services: Services) -> None:
    """Do it again and again, for ever. Replicas may do it at the same time."""
    while True:
        try:
            for workspace_id in await run_sync(clean_up, services.backing):
                services.log(Changed("workspace purged", _NAME, workspace_id.hex()))
        except AssayError as error:
            services.log(Changed(f"housekeeping put off: {error.code}", _NAME))
        await asyncio.sleep(_EVERY)


def clean_up(backing: GatewayResources) -> list[bytes]:
    """End the workspaces whose period of grace is over, and forget what was used long ago."""
    gone = [deleted.id for deleted in backing.workspaces.list_expired()]
    for workspace_id in gone:
        backing.vault.remove_workspace(workspace_id, actor=_NAME)
        backing.workspaces.purge(workspace_id)
    backing.allowances.forget_old()
    forget_old(backing.database)
    return gone
