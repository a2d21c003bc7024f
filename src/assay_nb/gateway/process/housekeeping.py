"""Periodic maintenance: purge expired workspaces, usage, calls, run tokens and ended sessions."""

from __future__ import annotations

import asyncio
import time

from anyio.to_thread import run_sync

from assay_nb.errors import AssayError
from assay_nb.gateway.auth.ended_sessions import forget_old_sessions
from assay_nb.gateway.auth.run_tokens import forget_old
from assay_nb.gateway.process.logs import Changed
from assay_nb.gateway.resources import GatewayResources
from assay_nb.gateway.services import Services

_EVERY = 6 * 3600.0
_NAME = "(gateway)"


async def keep_house(services: Services) -> None:
    """Clean up every six hours, until cancelled. Replicas may do it at the same time."""
    while True:
        try:
            for workspace_id in await run_sync(clean_up, services.resources):
                services.log(Changed("workspace purged", _NAME, workspace_id.hex()))
        except AssayError as error:
            services.log(Changed(f"housekeeping postponed: {error.code}", _NAME))
        await asyncio.sleep(_EVERY)


def clean_up(resources: GatewayResources) -> list[bytes]:
    """Purge workspaces whose grace period is over, forget old usage, calls, run tokens and ended sessions."""
    gone = [deleted.id for deleted in resources.workspaces.list_expired()]
    for workspace_id in gone:
        resources.vault.remove_workspace(workspace_id, actor=_NAME)
        resources.workspaces.purge(workspace_id)
    resources.allowances.forget_old()
    resources.calls.settle_cut_off()
    kept = resources.settings.calls_kept_days
    if kept is not None:
        resources.calls.delete_before(int(time.time()) - kept * 86_400)
    forget_old(resources.database)
    forget_old_sessions(resources.database)
    return gone
