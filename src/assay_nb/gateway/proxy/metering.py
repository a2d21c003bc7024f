"""Metering of calls that are passed through: what each may cost, what it did, and its line in the calls log.

Of what is done here only the counting of bytes is in the way of a call. Replies are read and priced by the thread
that writes the log, or that settles what an admin has limited.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from anyio.to_thread import run_sync

from assay_nb.accounting.batches import MOST_OUTPUT, MOST_WITHOUT, BatchReader
from assay_nb.accounting.call_log import make_id, make_record
from assay_nb.accounting.charges import FREE, Asked, Charge, charge, estimate
from assay_nb.accounting.meters import Meter, make_meter
from assay_nb.accounting.routes import read_route
from assay_nb.gateway.calls.prices import Prices
from assay_nb.messages import Usage
from assay_nb.models.estimates import BYTES_PER_TOKEN, CONTEXT, OUTPUT
from assay_nb.store.call_rows import RUNNING, CallRecord

if TYPE_CHECKING:
    from assay_nb.accounting.allowances import AllowanceReservation
    from assay_nb.gateway.proxy.grants import Grant
    from assay_nb.gateway.proxy.target import Target
    from assay_nb.gateway.services import Services

INSTRUMENT = "pass-through"
"""What the calls log has in the place of an instrument."""

BUDGET_HEADER = "X-Assay-Budget"
"""Says how full a limit is, from four fifths of it on."""

_NEAR = 4 * 1024
"""Bytes at a request's beginning in which its model is looked for."""
_MODEL = re.compile(rb'"model"\s*:\s*"([\w.:/@+-]{1,200})"')
_REPLIES = re.compile(rb'"(?:n|best_of|candidateCount)"\s*:\s*(\d{1,3})\b')
"""How a request says how many replies it wants, each of which is paid."""

_ANY_SIZE = BYTES_PER_TOKEN * CONTEXT
"""Bytes that a body is taken to have which does not say how many."""
_TEXT = ("application/json", "text/", "application/x-ndjson", "application/jsonl")


class Metering:
    """What the meters of all calls share.

    Args:
        services: The calls log, the allowances, the settings and the metrics.
    """

    def __init__(self, services: Services) -> None:
        resources = services.resources
        self.calls = resources.calls
        self.allowances = resources.allowances
        self.metrics = services.metrics
        self.prices = Prices(resources)
        self.lock = threading.Lock()
        self.unpriced = services.settings.limits.unpriced_call


def is_limited(target: Target, grant: Grant) -> bool:
    """Say whether a request counts against what an admin has set: its body's beginning is looked at then."""
    kind = grant.destination.kind
    return grant.limited and read_route(target.method, target.path, kind).charge != "free"


class CallMeter:
    """The meter of one call.

    Attributes:
        models: The models that the request names, as far as somebody has read them, the one that it asks first;
            none if that is not known.
        is_counted: Whether the call counts against what an admin has set.
        asks_path_alone: Whether the path says which model is asked, and the body does not. Elsewhere a server may go
            by the path or by the body, so that a path is not known to name the model which has to be paid.
        size: Bytes of the request's body, or as many as have passed by now; None before any is known.
    """

    def __init__(self, metering: Metering, user: str, target: Target, grant: Grant) -> None:
        self.models: tuple[str, ...] = target.models[::-1]
        self._metering = metering
        self._user = user
        self._grant = grant
        self._route = read_route(target.method, target.path, grant.destination.kind)
        self.is_counted = is_limited(target, grant)
        self._id = b""
        self._began = time.monotonic()
        self.size: int | None = None
        self._is_text = True
        self._guess = ""
        self._is_sure = True
        self._batch = BatchReader() if self._route.charge == "batch" else None
        self._first: BatchReader | None = None  # of the beginning, before anything is sent
        self._most_output: int | None = None
        self._reply: Meter | None = None
        self._streamed = False
        self._failed = False
        self._whole = False
        self._status = ""
        self._milliseconds = 0
        self._charge: Charge | None = None
        self._reservation: AllowanceReservation | None = None
        self.asks_path_alone = bool(target.models) and grant.destination.kind == "gemini"
        self._has_read = self.asks_path_alone

    @property
    def is_free(self) -> bool:
        """Whether the provider takes nothing for such a request."""
        return self._route.charge == "free"

    @property
    def is_reserved(self) -> bool:
        """Whether there is something to settle."""
        return self._reservation is not None

    # --- the request

    def add_models(self, named: tuple[str, ...] | None) -> None:
        """Take the models that the body names beside those of the path, its own first.

        Args:
            named: The models; None where the body does not say all of them: then none is known.
        """
        path, self._has_read = self.models, True
        if named is None:
            self.models = path if self.asks_path_alone else ()
        else:
            first, then = (path, named) if self.asks_path_alone else (named, path)
            self.models = tuple(dict.fromkeys((*first, *then)))

    def see_request(self, content_type: str, head: bytes) -> None:
        """Look at the beginning of the body, for what the call may cost.

        Args:
            content_type: The request's header.
            head: The first bytes of the body, all of them where they are few.
        """
        self._is_text = content_type.lower().startswith(_TEXT)
        if not self.models and (found := _MODEL.search(head, 0, _NEAR)):
            self._guess = found[1].decode()
        if self.is_counted:
            self._is_sure = len(set(_MODEL.findall(head))) < 2
            stated = max(map(int, MOST_OUTPUT.findall(head)), default=None)
            replies = max(map(int, _REPLIES.findall(head)), default=1)
            self._most_output = replies * (stated or OUTPUT) if replies > 1 else stated
            if self._batch is not None:
                self._first = BatchReader()
                self._first.feed(head)

    def see_piece(self, piece: bytes) -> None:
        """Look at a piece of the body that is sent on: a batch says in all of it what it may cost."""
        if self._batch is not None:
            self._first = None
            self._batch.feed(piece)

    async def reserve(self) -> None:
        """Count the call, with what it may cost, if an admin has limited what its member uses.

        Raises:
            LimitReached: If a limit is used up.
        """
        if self.is_counted:
            self._reservation = await run_sync(self._reserve)

    def begin(self) -> None:
        """Note that the call begins, which goes into the log unless it ends soon."""
        if not self.is_free and not self._id:  # a request that is sent again is one call
            self._id = make_id()
            self._metering.calls.begin(self._id, self._make_beginning)

    # --- the reply

    def see_response(self, status: int, content_type: str) -> None:
        """Look at the response's head."""
        self._failed = status >= 300
        if not self._failed and not self.is_free:
            plain = content_type.partition(";")[0].strip().lower()
            self._streamed = plain == "text/event-stream"
            self._reply = make_meter(self._route, plain)

    def feed(self, piece: bytes) -> None:
        """Look at a piece of the reply."""
        if self._reply is not None:
            self._reply.feed(piece)

    def headers(self) -> Mapping[str, str]:
        """Return what the caller is told of the limits that the call counts against."""
        level = self._reservation.level if self._reservation is not None else None
        return {BUDGET_HEADER: level.header()} if level is not None and level.is_near else {}

    # --- when it is over

    def end(self, status: str, *, sent: bool, whole: bool) -> None:
        """Note how the call ended.

        Args:
            status: `"ok"`, or the code of what ended it.
            sent: Whether the provider was asked at all.
            whole: Whether the response came to its end.
        """
        self._whole = whole
        if not sent:
            self._charge = FREE
            if not self._id or self._metering.calls.forget(self._id):
                return
        self._status = status
        self._milliseconds = round((time.monotonic() - self._began) * 1000)
        self._id = self._id or make_id()
        self._metering.calls.add_later(self._id, self._make_end)

    async def settle(self) -> None:
        """Put what the call counts for in the place of what was reserved for it."""
        if self._reservation is not None:
            await run_sync(self._settle, self._reservation)

    # --- in a thread

    @property
    def _connection(self) -> str:
        return self._grant.destination.connection

    def _reserve(self) -> AllowanceReservation:
        metering, models = self._metering, self.models if self._has_read else ()
        return metering.allowances.reserve(
            self._grant.workspace.id,
            self._user,
            tuple(f"{self._connection}/{model}" for model in models),
            self._estimate(),
        )

    def _settle(self, reservation: AllowanceReservation) -> None:
        charged = self._find_charge()
        self._metering.allowances.settle(
            reservation,
            charged.counted,
            unknown=self._metering.unpriced,
            made=charged is not FREE,
        )

    def _estimate(self) -> float:
        asked = self._asked()
        dollars = estimate(asked, lambda usage: self._price(asked.model, usage))
        return self._metering.unpriced if dollars is None else dollars

    def _find_charge(self) -> Charge:
        with self._metering.lock:  # the thread that settles and the one that writes the log
            if self._charge is None:
                self._charge = self._make_charge()
        return self._charge

    def _make_charge(self) -> Charge:
        if self._failed or self.is_free:
            return FREE
        if self._reply is None:  # it was sent, and what the provider has done of it is not known
            return Charge(Usage(), None, self._estimate())
        reading, asked = self._reply.read(whole=self._whole), self._asked()
        self._guess = reading.model or self._guess
        answered = reading.model or asked.model

        def price(usage: Usage) -> float | None:
            dollars = self._price(answered, usage)
            if dollars is None and asked.model != answered:
                dollars = self._price(asked.model, usage)
            return dollars

        seconds = self._milliseconds / 1000
        return charge(asked, reading, price, streamed=self._streamed, seconds=seconds)

    def _price(self, model: str, usage: Usage) -> float | None:
        grant = self._grant
        if not model:
            return None
        known = self._metering.prices.find(grant.workspace.id, grant.destination, model)
        cost = known.cost(usage)
        return None if cost is None else cost.dollars

    def _asked(self) -> Asked:
        # Where several are named, the dearest that is known may be the one that works.
        model = self._guess if self._is_sure else ""
        if self.models:
            model = self.models[0] if len(self.models) == 1 else ""
        size = _ANY_SIZE if self.size is None else self.size
        most, is_elsewhere = self._most_output, False
        batch = self._first or self._batch
        if batch is not None:
            most = batch.most_output
            is_elsewhere = not batch.has_requests and size <= MOST_WITHOUT
        return Asked(self._route, size, self._is_text, model, most, is_elsewhere)

    def _make_beginning(self) -> CallRecord:
        return self._make_record(RUNNING, Charge(Usage(), None, self._estimate()))

    def _make_end(self) -> CallRecord:
        charged = self._find_charge()
        there = self._grant.destination
        counted = self._metering.unpriced if charged.counted is None else charged.counted
        self._metering.metrics.count_use(there.provider, charged.usage, charged.cost, counted)
        return self._make_record(self._status, charged)

    def _make_record(self, status: str, charged: Charge) -> CallRecord:
        unpriced = self._metering.unpriced
        usage, cost = charged.usage, charged.cost
        counted = unpriced if charged.counted is None else charged.counted
        return make_record(
            call_id=self._id,
            workspace_id=self._grant.workspace.id,
            user=self._user,
            instrument=INSTRUMENT,
            provider=self._connection,
            model=self._guess or (self.models[0] if self.models else ""),
            funding="workspace",
            status=status,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=usage.cached_tokens,
            cost_micros=None if cost is None else round(cost * 1_000_000),
            counted_micros=round(counted * 1_000_000),
            milliseconds=None if status == RUNNING else self._milliseconds,
        )
