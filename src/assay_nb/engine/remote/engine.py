"""The engine of a hub kernel: it sends the call to the gateway, and yields the events that come back.

What this module needs reaches no vault, no database, no provider and none of their SDKs. That a key
is never in a kernel is a fact about what can be imported here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

from assay_nb.engine.call import Call, Engine
from assay_nb.engine.events import Event, Finished
from assay_nb.engine.remote.client import ACTIVE, GatewayClient, part, read_to_end
from assay_nb.engine.remote.pass_tokens import KeptTokens
from assay_nb.engine.sse import decode_event, read_events
from assay_nb.errors import BROKEN_OFF, ProviderUnavailable


class RemoteEngine(Engine):
    """Runs calls through a gateway; see `Engine`.

    Attributes:
        client: The kernel's requests to it.
        tokens: What this process has lent to other programs.
    """

    def __init__(self, client: GatewayClient) -> None:
        self.client = client
        self.tokens = KeptTokens(client)

    async def run(self, call: Call) -> AsyncIterator[Event]:
        """Run a call; see `Engine`. Closing the iterator closes the provider's connection too."""
        read = _reader(call.instrument)
        path = f"api/v1/workspaces/{part(call.workspace or ACTIVE)}/instruments/{part(call.instrument)}"
        body: dict[str, Any] = {
            "prompt": call.prompt,
            "model": call.model,
            "options": dict(call.options),
            "idempotency_key": call.idempotency_key,
        }
        if call.max_requests is not None:
            body["max_requests"] = call.max_requests
        async with (
            self.client.stream(path, body) as lines,
            aclosing(cast("Any", read_events(lines))) as events,
        ):
            async for name, data in events:
                event = decode_event(name, data, read)
                if isinstance(event, Finished):
                    # Then the connection can be used again, and the call counts as running no more.
                    await read_to_end(lines)
                if event is not None:
                    yield event
                if isinstance(event, Finished):
                    return
        raise ProviderUnavailable(
            "The gateway's answer ended in the middle.",
            hint="Run it again. A call that had begun counts as made.",
            reason=BROKEN_OFF,
        )

    async def aclose(self) -> None:
        await self.client.aclose()


def _reader(instrument: str) -> Any:
    from assay_nb.instruments.catalog import find_instrument

    return find_instrument(instrument).read
