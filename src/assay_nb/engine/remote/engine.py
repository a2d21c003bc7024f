"""The engine of a hub kernel: it sends the call to the gateway, and yields the events that come back.

What this module needs reaches no vault, no database, no provider and none of their SDKs. That a key
is never in a kernel is a fact about what can be imported here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from assay_nb.config import hub_token, load_config
from assay_nb.engine.call import Call, Engine
from assay_nb.engine.events import Event, Finished
from assay_nb.engine.remote.client import ACTIVE, GatewayClient, part, read_to_end
from assay_nb.engine.remote.run_tokens import RunPass
from assay_nb.engine.sse import decode_event, read_events
from assay_nb.errors import ProviderUnavailable, WrongUsage

if TYPE_CHECKING:
    from assay_nb.engine.remote.control import RemoteControl


def connect(gateway_url: str) -> tuple[RemoteEngine, RemoteControl]:
    """Return the engine and the control of a hub kernel. Nothing is sent yet."""
    from assay_nb.engine.remote.control import RemoteControl

    link = GatewayClient(gateway_url, hub_token(), load_config().ca_file)
    return RemoteEngine(link), RemoteControl(link)


def connect_worker(run_pass: RunPass) -> RemoteEngine:
    """Return the engine of a worker, which has a run token and no hub token."""
    return RemoteEngine(GatewayClient(run_pass.gateway_url, run_pass.token, load_config().ca_file))


class RemoteEngine(Engine):
    """Runs calls through a gateway; see `Engine`."""

    def __init__(self, link: GatewayClient) -> None:
        self._link = link

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
            self._link.stream(path, body) as lines,
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
        )

    async def lend(self, workspace: str | None, seconds: int) -> RunPass:
        """Return a pass for workers that are to make calls in a workspace.

        Raises:
            AssayError: What the gateway answered.
        """
        told = await self._link.ask("POST", _tokens(workspace), {"seconds": seconds})
        return RunPass(self._link.url, told["id"], told["expires_at"], told["token"])

    async def take_back(self, workspace: str | None, run_pass: RunPass) -> None:
        """End a pass before its time, and the calls that workers are making with it."""
        await self._link.ask("DELETE", f"{_tokens(workspace)}/{part(run_pass.id)}")

    async def aclose(self) -> None:
        await self._link.aclose()


def _tokens(workspace: str | None) -> str:
    return f"api/v1/workspaces/{part(workspace or ACTIVE)}/run-tokens"


def _reader(instrument: str) -> Any:
    from assay_nb.instruments.catalog import INSTRUMENTS

    if instrument not in INSTRUMENTS:
        raise WrongUsage(
            f"There is no instrument '{instrument}'.", hint=f"There are {', '.join(INSTRUMENTS)}."
        )
    return INSTRUMENTS[instrument].read
