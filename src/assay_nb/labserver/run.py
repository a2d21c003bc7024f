"""Running an instrument for a cell's toolbar, as a stream of the engine's events.

The stream has the gateway's form, and two events more, so that a browser need know neither how replies
are written nor how results are drawn: `preview`, the result as far as it can be read from an unfinished
reply, and `bundle`, the MIME bundle that the kernel's magic would have left in the notebook.
"""

# pyright: reportUnknownMemberType=false, reportUntypedFunctionDecorator=false
# jupyter_server's and tornado's types are partial.

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any, cast

from tornado.iostream import StreamClosedError

from assay_nb.commands.parser import surface_here
from assay_nb.engine.call import Call
from assay_nb.engine.events import Delta, Event, Finished, NextRound, Thought
from assay_nb.engine.sse import encode_error, encode_event, write_event
from assay_nb.errors import AssayError, WrongUsage
from assay_nb.instruments.catalog import INSTRUMENTS, find_instrument
from assay_nb.labserver.base import Handler, guarded
from assay_nb.labserver.cell_line import read_cell_line
from assay_nb.render.bundle import bundle
from assay_nb.text.pasted import LAB, refuse_secrets

_PAUSE = 0.15
"""Seconds between previews."""

Put = Callable[[Event | AssayError | None], None]


class RunHandler(Handler):
    """Run an instrument on a text. Hanging up stops the call, and the provider's connection with it."""

    _task: asyncio.Task[None] | None = None

    @guarded
    async def post(self, instrument: str) -> None:
        call = self._call(instrument)
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("X-Accel-Buffering", "no")
        await (
            self.flush()
        )  # the stream is open before the first event, so that Stop has something to close
        events: asyncio.Queue[Event | AssayError | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def put(event: Event | AssayError | None) -> None:
            loop.call_soon_threadsafe(events.put_nowait, event)

        self._task = asyncio.ensure_future(self.session.portal.wait(self._relay, call, put))
        try:
            await self._write_all(call, events)
        except StreamClosedError:
            pass  # the person stopped it
        finally:
            self._task.cancel()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        if self._task is not None:
            self._task.cancel()

    def _call(self, instrument: str) -> Call:
        find_instrument(instrument)
        fields = self.read(prompt=str, line=str, workspace=str, model=str, options=dict)
        if line := fields.pop("line"):
            if any(fields[name] is not None for name in ("workspace", "model", "options")):
                raise WrongUsage("A cell's line says workspace, model and options already.")
            fields |= read_cell_line(line, instrument)
        call = Call.from_dict(
            {**fields, "instrument": instrument, "options": fields["options"] or {}}
        )
        refuse_secrets(call.prompt, "The prompt", surface_here(LAB))
        return call

    async def _relay(self, call: Call, put: Put) -> None:
        """Run the call on the engine's loop, and hand its events over."""
        try:
            async with aclosing(cast("Any", self.session.engine.run(call))) as events:
                async for event in events:
                    put(event)
        except AssayError as error:
            put(error)
        finally:
            put(None)

    async def _write_all(
        self, call: Call, events: asyncio.Queue[Event | AssayError | None]
    ) -> None:
        text, shown_at = "", 0.0
        loop = asyncio.get_running_loop()
        while (event := await events.get()) is not None:
            if isinstance(event, AssayError):
                self.write(encode_error(event))
            elif isinstance(event, Delta):
                text += event.text if event.lane == 0 else ""
                if loop.time() - shown_at < _PAUSE and not events.empty():
                    continue
                self._write_preview(call, text)
                shown_at = loop.time()
            elif isinstance(event, Thought):  # the browser gets them with the result
                text = "" if event.so_far and event.lane == 0 else text
            else:
                text = "" if isinstance(event, NextRound) else text
                self.write(encode_event(event))
            if isinstance(event, Finished):
                data, metadata = bundle(event.result.to_document(), event.result.to_dict())
                self._write_more("bundle", {"data": data, "metadata": metadata})
            await self.flush()

    def _write_preview(self, call: Call, text: str) -> None:
        result = INSTRUMENTS[call.instrument].preview(call.prompt, text)
        if result is not None:
            self._write_more("preview", result.to_dict())

    def _write_more(self, name: str, fields: Mapping[str, Any]) -> None:
        self.write(write_event(name, fields))
