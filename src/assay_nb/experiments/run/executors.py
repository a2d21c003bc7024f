"""Executors: how a job is answered in a process or a thread of the caller's, with a run token on a hub."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from assay_nb.engine.call import Call, OnWait
from assay_nb.engine.portal import Portal
from assay_nb.errors import (
    AssayError,
    error_from_dict,
)
from assay_nb.experiments.run.jobs import Ask
from assay_nb.experiments.run.workers import LATE
from assay_nb.instruments.base import Result

if TYPE_CHECKING:
    from assay_nb.engine.remote.engine import RemoteEngine
    from assay_nb.engine.remote.run_tokens import Passes, RunPass


# --- who answers ------------------------------------------------------------------------------------


def ask_executor(executor: Executor, passes: Passes | None = None) -> Ask:
    """Return the function that has a call made by an executor's worker, which may be another machine.

    What travels is the call and its result, as plain data: no key, since a call has no field for one. The
    worker opens its own session, from its own environment; on a hub it is handed a run token instead, and
    asks the gateway.

    Args:
        executor: Who makes the calls.
        passes: In hub mode, what workers are let in with.
    """

    async def ask(call: Call, on_wait: OnWait | None = None) -> Result:  # a worker tells no waits
        from assay_nb.instruments.catalog import INSTRUMENTS

        lent = None if passes is None else await passes.get(call.workspace)
        told = await asyncio.wrap_future(executor.submit(answer_call, call.to_dict(), lent))
        if "error" in told:
            raise error_from_dict(told["error"])
        return INSTRUMENTS[call.instrument].read(told["result"])

    return ask


def answer_call(fields: Mapping[str, Any], lent: RunPass | None = None) -> dict[str, Any]:
    """Make one call in this process and return its result as plain data: what a worker runs.

    Args:
        fields: The call.
        lent: What the gateway lets this worker in with. None for a worker that has a vault.
    """
    from assay_nb.engine.session import current_session

    try:
        if lent is not None:
            portal, engine = _borrowed.open(lent)
        else:
            session = current_session()
            portal, engine = session.portal, session.engine
        return {"result": portal.call(engine.ask, Call.from_dict(fields)).to_dict()}
    except AssayError as error:
        return {"error": error.to_dict()}


class _Borrowed:
    """What a worker process makes calls with on run tokens: one loop, and an engine for each token.

    Two runs, perhaps of two people, may share a worker. So no engine is ever given another token.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._portal = Portal()
        self._engines: dict[RunPass, RemoteEngine] = {}

    def open(self, lent: RunPass) -> tuple[Portal, RemoteEngine]:
        """Return the loop and the engine for a pass."""
        from assay_nb.engine.remote.connect import connect_worker

        with self._lock:
            if lent not in self._engines:
                self._forget_expired()
                self._engines[lent] = connect_worker(lent)
            return self._portal, self._engines[lent]

    def _forget_expired(self) -> None:
        for one in [one for one in self._engines if one.expires_at + LATE < time.time()]:
            self._portal.call(self._engines.pop(one).aclose)


_borrowed = _Borrowed()
