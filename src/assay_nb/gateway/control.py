"""The gateway's control: a local control that keeps to the operator's lists."""

from __future__ import annotations

from collections.abc import Sequence

from assay_nb.engine.local.control import LocalControl
from assay_nb.gateway.policy import check_place, is_place_allowed
from assay_nb.gateway.resources import GatewayResources
from assay_nb.messages import Destination, Kind
from assay_nb.workspaces.membership import Workspace


class GatewayControl(LocalControl):
    """What a member may see and change; a key is tested and stored only for what the operator allows."""

    def __init__(self, resources: GatewayResources, user: str) -> None:
        super().__init__(resources, user)
        self._settings = resources.settings

    def _places_to_ask(self, where: Workspace) -> Sequence[Destination]:
        """Leave out what the operator has barred since it was stored."""
        places = super()._places_to_ask(where)
        return [there for there in places if is_place_allowed(self._settings, there)]

    def _place(
        self,
        where: Workspace,
        connection: str,
        endpoint: str | None,
        kind: Kind | None,
        placement: str | None,
    ) -> Destination:
        there = super()._place(where, connection, endpoint, kind, placement)
        check_place(self._settings, there)
        return there
