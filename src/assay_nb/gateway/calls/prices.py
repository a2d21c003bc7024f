"""Prices that hold for a workspace's calls, remembered between them."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TypeAlias

from assay_nb.engine.known import Known
from assay_nb.engine.local.models import find_known
from assay_nb.gateway.resources import GatewayResources
from assay_nb.messages import Destination

_LIFE = 5.0
"""Seconds for which a price holds where nobody can tell that the database was changed."""
_MOST = 10_000

_Key: TypeAlias = "tuple[bytes, str, str, str]"


class Prices:
    """What is known of models, prices above all, where the keys of workspaces lead.

    It may read the database, so it belongs in a thread.
    """

    def __init__(self, resources: GatewayResources) -> None:
        self._resources = resources
        self._found: OrderedDict[_Key, tuple[int | float, Known]] = OrderedDict()

    def find(self, workspace_id: bytes, there: Destination, model: str) -> Known:
        """Return what is known of a model, as it was a few milliseconds, or on PostgreSQL seconds, ago."""
        key = workspace_id, there.connection, there.endpoint, model
        number, now = self._resources.changes.look_lately(), time.monotonic()
        found = self._found.get(key)
        if found is not None and (now < found[0] if number is None else found[0] == number):
            return found[1]
        known = find_known(self._resources, workspace_id, there, model)
        self._found[key] = (now + _LIFE if number is None else number), known
        while len(self._found) > _MOST:
            self._found.popitem(last=False)
        return known
