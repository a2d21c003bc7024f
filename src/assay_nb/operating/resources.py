"""Resources of an operator's command: the gateway's, with every workspace in reach."""

from __future__ import annotations

from assay_nb.engine.lazy import once
from assay_nb.gateway.resources import GatewayResources
from assay_nb.workspaces.everywhere import EveryWorkspace


class OperatorResources(GatewayResources):
    """What the gateway works with, for somebody who is a member of no workspace and acts in any."""

    @once
    def workspaces(self) -> EveryWorkspace:
        return EveryWorkspace(self.database)
