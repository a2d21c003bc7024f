"""The account of a call: what it has used so far."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from assay_nb.engine.local.planner import CallPlan
from assay_nb.errors import AssayError, ProviderError
from assay_nb.instruments.base import Provenance
from assay_nb.messages import Stopped, Usage


class Account:
    """What a call has used so far.

    Attributes:
        call_id: The id of its line in the log, if that was begun.
    """

    def __init__(self, plan: CallPlan, max_requests: int | None) -> None:
        self._plan = plan
        self.max_requests = max_requests
        self._began = time.monotonic()
        self._usage = Usage()
        self._ids: list[str] = []
        self._model: str | None = None
        self.call_id: bytes | None = None
        self.requests = 0
        self.rounds = 1
        self.text_came = False
        self._unmetered = 0
        self._replies = 0

    @property
    def was_billed(self) -> bool:
        """Whether a provider has answered, or may have begun to: not where each request was refused."""
        return bool(self._replies or self._unmetered)

    @property
    def so_far(self) -> Usage:
        """The tokens of the replies that came whole."""
        return self._usage

    @contextmanager
    def metering(self, text: Sequence[str]) -> Generator[None]:
        """Count a request whose use is not known, until its reply is whole or it was refused unbilled.

        Args:
            text: What has come of the reply.
        """
        self._unmetered += 1
        try:
            yield
        except AssayError as error:
            sent = isinstance(error, ProviderError) and error.status is None
            if not sent and not text:
                self._unmetered -= 1
            raise
        self._unmetered -= 1

    def lose_count(self) -> None:
        """Note that a request was stopped before it said what it used."""
        self._unmetered += 1

    def known(self, total: int | None) -> int | None:
        """Return a total for the log; None where a request was stopped before it said what it used."""
        return None if self._unmetered else total

    def may_send(self) -> bool:
        """Count one more request, and say whether the call may make it."""
        if self.max_requests is not None and self.requests >= self.max_requests:
            return False
        self.requests += 1
        return True

    def add(self, usage: Usage, stopped: Stopped) -> None:
        self._usage += usage
        self._replies += 1
        self._model = stopped.model or self._model
        if stopped.request_id:
            self._ids.append(stopped.request_id)

    def provenance(self) -> Provenance:
        plan = self._plan
        usage = Usage() if self._unmetered else self._usage
        cost = plan.known.cost(usage)
        return Provenance(
            workspace=plan.workspace.name,
            provider=plan.connection,
            model=self._model or plan.model,
            usage=usage,
            cost=cost.dollars if cost else None,
            cost_source=cost.source if cost else "",
            seconds=round(time.monotonic() - self._began, 3),
            requests=self.requests,
            request_ids=tuple(self._ids),
            funding=plan.funding,
            practice=plan.practice,
        )
