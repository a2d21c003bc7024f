"""The session of a process: an engine and its control, local or remote, and the loop that runs them.

One session per process. It opens nothing until the first call: `%load_ext` makes none.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from assay_nb.config import Config, load_config
from assay_nb.engine.call import Call, Engine
from assay_nb.engine.control import Control, Mode
from assay_nb.engine.events import Event
from assay_nb.engine.lazy import once
from assay_nb.engine.local.practice import is_practice_error
from assay_nb.engine.portal import Portal, Stream
from assay_nb.errors import AssayError, WorkspaceNotFound, workspace_gone
from assay_nb.extras import needing
from assay_nb.messages import PROVIDERS

if TYPE_CHECKING:
    from assay_nb.models.retirements import Retirement

Say = Callable[[str], None]


def _say(line: str) -> None:
    if sys.stderr is not None:  # it was closed; `print` would write to standard output instead
        with suppress(OSError):
            print(line, file=sys.stderr)


class Session:
    """The engine and the control of this process.

    Attributes:
        config: Where things are.
        portal: The background loop that runs both.
    """

    def __init__(self, config: Config, say: Say = _say) -> None:
        self.config = config
        self.portal = Portal(self._close_connections)
        self._say = say

    @property
    def mode(self) -> Mode:
        return "hub" if self.config.gateway_url else "solo"

    @once
    def _seams(self) -> tuple[Engine, Control]:
        if self.config.gateway_url:
            from assay_nb.engine.remote.connect import connect

            return connect(self.config.gateway_url)
        with needing("vault"):
            from assay_nb.engine.local.solo import open_solo

        return open_solo(self.config, self._say)

    @property
    def engine(self) -> Engine:
        return self._seams[0]

    @property
    def control(self) -> Control:
        return self._seams[1]

    def address(self, call: Call) -> Call:
        """Fill in the workspace that this process has selected, where the call names none."""
        return call if call.workspace else replace(call, workspace=self.control.selected)

    @contextmanager
    def explaining(self, call: Call) -> Generator[None]:
        """Say in words that the workspace which this process has selected is gone: an id says nothing."""
        try:
            yield
        except WorkspaceNotFound as error:
            if is_practice_error(error):
                raise
            if call.workspace is None and self.control.selected is not None:
                raise workspace_gone() from None
            raise

    def find_end(self, model: str) -> Retirement | None:
        """Return the end of a model that its server has named to this process's workspace; None otherwise.

        Whoever asks may be offline and have no vault: none is made for it, and no hub is asked. One that was
        not in use before is opened for a connection of one's own alone, of which no table knows anything.
        """
        if self.mode == "hub" or ("_seams" not in vars(self) and not names_own(model)):
            return None
        from assay_nb.engine.known import read_end
        from assay_nb.engine.local.resources import has_vault

        if has_vault(self.config):
            with suppress(AssayError):
                facts = self.portal.call(self.control.about_model, None, model)
                return read_end(facts, datetime.now(UTC).date())
        return None

    def stream(self, call: Call) -> Stream[Event]:
        """Run a call and iterate its events from synchronous code."""
        return self.portal.stream(lambda: self._run(call))

    async def _run(self, call: Call) -> AsyncIterator[Event]:
        with self.explaining(call):
            async with aclosing(cast("Any", self.engine.run(self.address(call)))) as events:
                async for event in events:
                    yield event

    def close(self) -> None:
        """Close connections and stop the background loop. The next call starts both again."""
        self.portal.close()

    async def _close_connections(self) -> None:
        if "_seams" in vars(self):
            await self.engine.aclose()


_lock = threading.Lock()
_current: Session | None = None


def current_session() -> Session:
    """Return this process's session, reading the environment the first time."""
    global _current
    with _lock:
        if _current is None:
            _current = Session(load_config())
        return _current


def names_own(model: str) -> bool:
    """Say whether a model is named with a connection that is not there from the start."""
    connection, slash, _ = model.strip().partition("/")
    return bool(slash) and connection.lower() not in PROVIDERS


def peek_session() -> Session | None:
    """Return this process's session if something has used one; none is begun."""
    return _current


def set_session(session: Session | None) -> None:
    """Replace this process's session; None makes the next use read the environment again."""
    global _current
    with _lock:
        if _current is not None:
            _current.close()
        _current = session
