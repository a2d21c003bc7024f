"""The relay: one request that is passed through, between the client's connection and the provider's.

Nothing here waits where nothing has to be waited for: who asks, what they may use and a connection are nearly always
known, and then a request is sent on in the turn of the event loop in which it came. What has to be looked up is
looked up in a task. It is not cancelled when the client hangs up, but finds that the call is over.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from assay_nb.errors import AssayError
from assay_nb.gateway.calls.inflight import ActiveCall
from assay_nb.gateway.proxy.admission import Admission
from assay_nb.gateway.proxy.answer import Answer
from assay_nb.gateway.proxy.call import SMALL, ProxiedCall
from assay_nb.gateway.proxy.headers import request_headers
from assay_nb.gateway.proxy.pool import NotConnected, find_path, find_place
from assay_nb.gateway.proxy.upload import Upload
from assay_nb.gateway.proxy.upstream import explain
from assay_nb.gateway.proxy.wire import CONTINUE, Pairs, write_request

if TYPE_CHECKING:
    from assay_nb.gateway.calls.limits import Slot
    from assay_nb.gateway.proxy.grants import Grant
    from assay_nb.gateway.proxy.head import RequestHead
    from assay_nb.gateway.proxy.listener import Listener
    from assay_nb.gateway.proxy.protocol import Connection
    from assay_nb.gateway.proxy.target import Target
    from assay_nb.gateway.proxy.upstream_protocol import UpstreamConnection
    from assay_nb.gateway.proxy.watchdog import Heartbeat


class Relay:
    """One request on its way to a provider, and the response on its way back."""

    __slots__ = (
        "_active", "_admission", "_answer", "_began", "_call", "_client", "_expects", "_head", "_heartbeat",
        "_is_guided", "_is_over", "_is_repeated", "_listener", "_looking", "_paused", "_proxy", "_services",
        "_slot", "_upload", "_upstream",
    )  # fmt: skip

    def __init__(self, listener: Listener, client: Connection, head: RequestHead) -> None:
        self._listener = listener
        self._services, self._proxy = listener.services, listener.proxy
        self._client = client
        self._head = head
        self._began = time.monotonic()
        self._admission = Admission(listener, head)
        self._call: ProxiedCall | None = None
        self._slot: Slot | None = None
        self._active: ActiveCall | None = None
        self._heartbeat: Heartbeat | None = None
        self._upstream: UpstreamConnection | None = None
        # the request
        self._upload = Upload(head)
        self._expects = head.expects
        self._looking = False  # a task looks something up
        self._is_repeated = False
        # the response
        self._answer = Answer()
        self._paused = False
        self._is_guided = False
        self._is_over = False

    # --- the request is let in

    def begin(self, body: list[bytes]) -> None:
        """Let the request in, now if everything is known, else when it was looked up."""
        self._upload.add(body)
        self._guard(self._begin)

    def _begin(self) -> None:
        found = self._admission.find_known()
        if found is None:
            self._look_up(self._find)
        elif self._take(*found):
            self._advance()

    async def _find(self) -> None:
        found = await self._admission.find()
        if not self._is_over and self._take(*found):
            self._advance()

    async def _reserve(self) -> None:
        await self._the_call.reserve()
        if self._is_over:
            await self._the_call.settle()
        else:
            self._advance()

    def _take(self, target: Target, grant: Grant) -> bool:
        """Take a slot for the call; False if aiohttp serves it, and takes one."""
        services, proxy, caller = self._services, self._proxy, self._admission.caller
        assert caller is not None, "nobody was let in"
        call = ProxiedCall(services, proxy, caller.user, target, grant)
        if self._admission.needs_aiohttp(call):
            self._is_over = True
            self._client.hand_over()
            return False
        self._client.is_decided()
        call.check_room()
        call.check_length(self._head.content_length)
        if self._head.body_exists:
            call.read_addresses(self._head.content_type)
        self._slot = services.limiter.take(caller.user)
        self._call = call
        active = self._active = ActiveCall(caller, grant.workspace.id, self._stop)
        services.active_calls.add(active)
        self._heartbeat = proxy.watchdog.begin(active, services.settings.limits.call_seconds)
        return True

    @property
    def _the_call(self) -> ProxiedCall:
        assert self._call is not None, "the request was not let in"
        return self._call

    # --- the request is sent on

    def body_moves(self, pieces: list[bytes]) -> None:
        """Take what has come of the body, perhaps its end, and go on if it is enough."""
        if self._is_over:
            return
        self._upload.add(pieces)
        if self._heartbeat is not None:
            self._heartbeat.beat()
        self._guard(self._go_on)

    def _go_on(self) -> None:
        if self._upload.is_sent_on:
            self._send_body()
        elif self._call is not None and not self._looking:
            self._advance()
        elif self._upload.received > SMALL:
            self._client.pause_reading()

    def _advance(self) -> None:
        """Send the request on if enough of it has come."""
        self._looking = False
        client, call = self._client, self._the_call
        if not client.is_whole:
            client.resume_reading()
            if self._expects:
                self._expects = False
                client.write(CONTINUE)
            if not self._upload.is_enough(call, is_whole=False):
                return
        if self._upload.show(call):
            self._look_up(self._reserve)
            return
        proxy, there, connection = self._proxy, call.grant.destination, None
        if proxy.opens_at_once and proxy.upstream.is_checked(there):
            connection = proxy.pool.take(find_place(there.origin))
        if connection is None:
            self._look_up(self._connect)
        else:
            self._send(connection, self._open(connection))

    def _open(self, connection: UpstreamConnection) -> tuple[bytes, bytes] | None:
        try:
            return self._the_call.make_request().take_header()
        except BaseException:
            self._proxy.pool.return_unused(connection)
            raise

    async def _connect(self) -> None:
        """Connect, then open the key, in a thread if that may take long, then send."""
        connection = await self._find_connection()
        try:
            key = None
            if not self._is_over:
                key = await self._the_call.make_request().take_header_off_loop()
        except BaseException:
            self._proxy.pool.return_unused(connection)
            raise
        if self._is_over:
            self._proxy.pool.return_unused(connection)
        else:
            self._send(connection, key)

    async def _find_connection(self) -> UpstreamConnection:
        there, pool = self._the_call.grant.destination, self._proxy.pool
        await self._proxy.upstream.check(there)
        place = find_place(there.origin)
        connection = None if self._is_repeated else pool.take(place)
        if connection is not None:
            return connection
        try:
            return await pool.connect(place)
        except NotConnected as error:
            raise explain(there, error.__cause__ or error, is_unreached=True) from None
        except TimeoutError as error:
            raise explain(there, error) from None

    def _send(self, connection: UpstreamConnection, key: tuple[bytes, bytes] | None) -> None:
        """Write the head with the key in it, and what has come of the body, at once."""
        call, head = self._the_call, self._head
        self._upstream = connection
        connection.expect(self)
        body = self._upload.take(call, is_whole=self._client.is_whole)
        path = find_path(call.target.url(call.grant.destination))
        name = find_place(connection.origin).name
        written = write_request(head, path, name, request_headers(cast("Any", head)), key)
        self._upload.is_sent_on = True
        connection.transport.write(b"".join((written, *body)))
        if self._client.is_full:
            self.pause_answer()
        if not self._client.is_whole:
            self._client.resume_reading()

    def _send_body(self) -> None:
        pieces = self._upload.take(self._the_call, is_whole=self._client.is_whole)
        if pieces and self._upstream is not None:
            self._upstream.transport.write(b"".join(pieces))

    def pause_body(self) -> None:
        """Read no more of the request: the provider does not take it."""
        self._client.pause_reading()

    def resume_body(self) -> None:
        """Continue to read the request."""
        if not self._client.is_whole:
            self._client.resume_reading()

    # --- the response comes back

    def answer_begins(self, status: int, headers: Pairs, length: int | None) -> None:
        """Judge the head of the response, and pass it on unless the whole response will be small."""
        self._guard(partial(self._begin_answer, status, headers, length))

    def _begin_answer(self, status: int, headers: Pairs, length: int | None) -> None:
        keep = self._client.keeps_alive
        head = self._answer.begin(self._the_call, status, headers, length, keep=keep)
        if head:
            self._client.write(head)

    def answer_moves(self, data: bytes, *, is_over: bool) -> None:
        """Pass a piece of the response on."""
        answer, call = self._answer, self._call
        if self._is_over or call is None:
            return
        if self._heartbeat is not None:
            self._heartbeat.beat()
        try:  # as in `_guard`, and once for each event of a stream
            if not answer.status:
                keep = self._client.keeps_alive
                passed = answer.gather(call, data, is_over=is_over, keep=keep)
            else:
                passed = answer.move(call, data, is_over=is_over)
            if is_over:
                self._end(passed)
            elif passed:
                self._client.write(passed)
        except AssayError as error:
            self.fail(error)
        except Exception as error:
            self.fail(self._services.went_wrong(error))

    def answer_breaks(self, error: Exception | None) -> None:
        """Tell the client that the provider's connection broke, or ask again where that is harmless."""
        broken, self._upstream = self._upstream, None
        if self._is_over or broken is None:
            return
        stale = broken.used and not broken.has_answered
        if stale and self._head.is_repeatable and not self._is_repeated:
            # The provider closed an idle connection at the moment in which it was used again.
            self._is_repeated = True
            self._look_up(self._connect)
            return
        there = self._the_call.grant.destination
        self.fail(explain(there, error or ConnectionResetError()))

    def pause_answer(self) -> None:
        """Read no more of the response: the client does not take it."""
        if self._upstream is not None and self._upstream.is_open and not self._paused:
            self._paused = True
            self._upstream.transport.pause_reading()

    def resume_answer(self) -> None:
        """Continue to read the response."""
        if self._upstream is not None and self._upstream.is_open and self._paused:
            self._paused = False
            self._upstream.transport.resume_reading()

    # --- the end

    def fail(self, error: AssayError) -> None:
        """Tell the client of an error, while that is still possible: as an answer, or in the stream."""
        if self._is_over:
            return
        if error.key_step is not None and self._call is not None and not self._is_guided:
            self._is_guided = True
            self._leave_upstream(keep=False)
            self._look_up(partial(self._guide, error))
            return
        code = "" if self._answer.status else error.code
        told = self._answer.fail(error, keep=self._client.keeps_alive)
        if told is None:
            self._client.abort()  # an answer that is cut off must not look whole
        self._end(told or b"", error, code)

    async def _guide(self, error: AssayError) -> None:
        async with self._the_call.guided():
            raise error

    def _stop(self) -> None:
        """End the call, for the reason that `ActiveCall.end` was given."""
        if self._active is not None and self._active.ended_by is not None:
            self.fail(self._active.ended_by)

    def client_is_gone(self) -> None:
        """Close the provider's connection at once: nobody listens."""
        if self._is_over:
            return
        self._give_back(None, stopped=True)
        self._note_answer(499, "")
        if self._call is not None and self._call.is_reserved:
            self._proxy.spawn(self._call.settle())

    def _end(self, last: bytes, error: AssayError | None = None, code: str = "") -> None:
        """Send the last bytes of an answer, and be done with the call.

        A call that is counted is counted before its caller can make the next one.
        """
        if self._call is not None and self._call.is_reserved:
            self._give_back(error)
            self._proxy.spawn(self._settle_and_answer(last, code))
            return
        self._client.write(last)
        try:
            self._give_back(error)
        finally:
            self._be_done(self._answer.status, code)

    async def _settle_and_answer(self, last: bytes, code: str) -> None:
        try:
            await self._the_call.settle()
        except Exception as error:
            self._services.went_wrong(error)
        finally:
            self._client.write(last)
            self._be_done(self._answer.status, code)

    def _be_done(self, status: int, code: str) -> None:
        self._note_answer(status, code)
        self._client.finish(keep=self._answer.keeps_alive and self._client.keeps_alive)

    def _give_back(self, error: AssayError | None, *, stopped: bool = False) -> None:
        """Give everything back that the call has taken, and note it. Done once, whatever happened."""
        self._is_over = True
        services, call = self._services, self._call
        self._leave_upstream(keep=not stopped and error is None and self._client.is_whole)
        if self._slot is not None:
            services.limiter.give_back(self._slot)
        if self._active is not None:
            services.active_calls.remove(self._active)
            self._active = None  # it knows how to stop this, which knows it
        if self._heartbeat is not None:
            self._proxy.watchdog.end(self._heartbeat)
            self._heartbeat = None  # it knows the call: a ring would be left
        self._upload.clear()
        if call is not None:
            call.forget_key()
            call.note(error, stopped=stopped)

    def _leave_upstream(self, *, keep: bool) -> None:
        self.resume_answer()
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.keep &= keep
            self._proxy.pool.give_back(upstream)

    def _note_answer(self, status: int, code: str) -> None:
        seconds = time.monotonic() - self._began
        path, method = self._listener.route.path, self._head.method
        caller = self._admission.caller
        self._services.note_answer(path, method, caller, status, code, seconds)

    # --- what goes wrong

    def _guard(self, step: Callable[[], None]) -> None:
        try:
            step()
        except AssayError as error:
            self.fail(error)
        except Exception as error:
            self.fail(self._services.went_wrong(error))

    def _look_up(self, step: Callable[[], Awaitable[None]]) -> None:
        self._looking = True
        self._proxy.spawn(self._run(step))

    async def _run(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except AssayError as error:
            self.fail(error)
        except Exception as error:
            self.fail(self._services.went_wrong(error))
