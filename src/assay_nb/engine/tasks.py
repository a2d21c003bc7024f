"""Tasks: ending one, even when the caller that waits for it is cancelled."""

from __future__ import annotations

import asyncio
from typing import Any

from anyio import CancelScope


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel a task once, unless it has ended, and wait until it has.

    A caller that waits in a cancelled portal is cancelled again at every step; that does not reach the task,
    which has time to close its connections and to note itself. Its error, if any, counts as seen.
    """
    task.cancel()
    with CancelScope(shield=True):
        await asyncio.wait([task])
    if not task.cancelled():
        task.exception()
