"""The rules around one call that is passed through, whichever of the two ways its bytes go.

A request goes by the connection's own protocol (`proxy.relay`), or through aiohttp (`proxy.handler`). Either way
moves bytes and nothing else: what is counted, checked, looked for, refused and logged is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from anyio import CancelScope

from assay_nb.egress.checks import ResponseHead, echoed
from assay_nb.egress.setting_names import OPERATOR
from assay_nb.engine.local.keyways import guided
from assay_nb.engine.sse import write_event
from assay_nb.errors import AssayError, PermissionDenied, ProviderUnavailable
from assay_nb.gateway.http.responses import TooLarge
from assay_nb.gateway.proxy.addresses import (
    AddressReader,
    AddressWriter,
    carries_addresses,
    hands_back,
    is_json,
    write_headers,
)
from assay_nb.gateway.proxy.metering import INSTRUMENT, CallMeter

if TYPE_CHECKING:
    from assay_nb.gateway.auth.caller import Caller
    from assay_nb.gateway.proxy.grants import Grant
    from assay_nb.gateway.proxy.reverse_proxy import ReverseProxy
    from assay_nb.gateway.proxy.target import Target
    from assay_nb.gateway.proxy.upstream import UpstreamRequest
    from assay_nb.gateway.services import Services

SMALL = 64 * 1024
"""Bytes up to which a body is read whole: it is one write then, not several, and can be refused as a whole."""

_IN_BETWEEN = "look for a proxy or a network log-in page between the gateway and the provider"

_MOST_BACK = 512 * 1024 * 1024
"""Bytes of a response. An answer that never ends is cut off here, if the time limit has not done so."""


def check_program(caller: Caller) -> None:
    """Refuse a caller who shows a browser's session.

    Raises:
        PermissionDenied: If no token was shown.
    """
    if caller.via == "browser":
        raise PermissionDenied(
            "The pass-through is for programs, which show a token.",
            hint="Set the variables of `assay-nb env`, or give the token to your SDK as its key.",
        )


class ProxiedCall:
    """One call: its room in the log, its allowance, what may pass, and what is noted in the end.

    Attributes:
        target: What the request asks for.
        grant: What it may use.
        meter: What reads what it uses, and writes its line.
        request: What carries the key; None before there is a connection to wait for.
    """

    def __init__(
        self, services: Services, proxy: ReverseProxy, user: str, target: Target, grant: Grant
    ) -> None:
        self.target = target
        self.grant = grant
        self.meter = CallMeter(proxy.metering, user, target, grant)
        self.request: UpstreamRequest | None = None
        self._services = services
        self._proxy = proxy
        self._status = 0
        self._left = _MOST_BACK
        self._reader: AddressReader | None = None
        self._writer: AddressWriter | None = None

    def guided(self) -> AbstractAsyncContextManager[None]:
        """Put into what is raised within how a key that is missing or refused is replaced here, and by whom."""
        return guided(self._services.resources, self.grant.workspace)

    # --- before anything is sent

    def check_room(self) -> None:
        """Refuse a call whose line could not be kept.

        Raises:
            StoreUnavailable: If the calls log cannot be written.
        """
        self._proxy.journal.check_room()

    @property
    def is_counted(self) -> bool:
        """Whether the call counts against what an admin has set, so that the body's beginning is looked at."""
        return self.meter.is_counted

    @property
    def reads_models(self) -> bool:
        """Whether the body is read for its models, because an admin has limited some of them."""
        return self.grant.by_model and self.meter.is_counted and not self.meter.asks_path_alone

    async def reserve(self) -> None:
        """Count the call against what an admin lets members use, if anything is set.

        Where it `is_counted`, `meter.see_request` comes before.

        Raises:
            LimitReached: If it is used up.
        """
        await self.meter.reserve()

    def check_length(self, length: int | None) -> None:
        """Refuse a body that is larger than any that is passed through.

        Raises:
            TooLarge: If it is. A body without a stated length is counted while it passes.
        """
        most = self._services.settings.limits.passthrough_body
        self.meter.size = length if length is not None else self.meter.size
        if length is not None and length > most:
            raise TooLarge(f"The request is larger than {most:,} bytes.")

    def read_addresses(self, content_type: str) -> None:
        """Give the provider its own addresses back in the body that follows, if it may hold any."""
        if hands_back(self.grant.destination, content_type):
            self._reader = AddressReader(self.grant.destination, self._services.settings.prefix)

    def send_piece(self, piece: bytes) -> bytes:
        """Return what may be sent on of a body by now. The end of it may be held back until `send_rest`."""
        self.meter.see_piece(piece)
        return self._reader.feed(piece) if self._reader else piece

    def send_rest(self) -> bytes:
        """Return what was held back of a body that is over: all pieces together are as long as they came."""
        return self._reader.flush() if self._reader else b""

    def make_request(self) -> UpstreamRequest:
        """Return what carries the key, which is opened when the connection is established."""
        self.meter.begin()
        self.forget_key()  # of the request that this one repeats
        self.request = self._proxy.make_request(self.grant)
        return self.request

    # --- what comes back

    def check_head(
        self, status: int, headers: Mapping[str, str], kept: Iterable[tuple[bytes, bytes]]
    ) -> None:
        """Refuse a response that is not a provider's answer, before anything of it is passed on.

        Args:
            status: Its status.
            headers: All of its headers that say what it is, by name in lower case or any other.
            kept: The headers that would be passed on, as they would be written.

        Raises:
            ProviderError: If it holds the key, redirects, refuses the key, is compressed or a web page.
        """
        request = self.request
        assert request is not None, "nothing was sent"
        self._status = status
        self.meter.see_response(status, headers.get("content-type", ""))
        head = ResponseHead(request.destination, status, headers)
        head.check_echo(request.echo, kept)
        head.check_redirect(
            "If the endpoint moved, an admin saves the key again with its new address."
        )
        if status == 401:
            raise self.grant.key_refused(head)
        if head.encoding:
            raise head.compressed()
        if head.is_page:
            raise head.not_a_reply(OPERATOR.advise(_IN_BETWEEN))

    @property
    def carries_addresses(self) -> bool:
        """Whether the reply may carry addresses of its server that lead on."""
        return self._status < 400 and carries_addresses(self.target.path)

    def write_addresses(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Have the provider's addresses become the gateway's in the reply that follows, if it may carry any.

        A reply of another length than was stated follows then: see `changes_length`.

        Args:
            headers: All of its headers.

        Returns:
            Those of them that lead on, to be passed on with the rest.
        """
        if not self.carries_addresses:
            return {}
        there, here = self.grant.destination, self.target.find_here()
        if is_json(headers.get("Content-Type", "")):
            self._writer = AddressWriter(there, here)
        return write_headers(headers.items(), there, here)

    @property
    def changes_length(self) -> bool:
        """Whether the reply may have another length than its server has stated."""
        return self._writer is not None

    def pass_whole(self, body: bytes) -> bytes:
        """Return a small body as it may be passed on.

        Raises:
            ProviderError: If it holds the key.
        """
        request = self.request
        assert request is not None, "nothing was sent"
        if request.echo.has_echo(body):
            raise echoed(request.destination, self._status)
        self.meter.feed(body)
        return self._writer.feed(body) + self._writer.flush() if self._writer else body

    def pass_piece(self, piece: bytes) -> bytes:
        """Return what may be passed on of a body by now. The end of it may be held back until `pass_rest`.

        Raises:
            ProviderError: If it holds the key, or is longer than any answer that is passed through.
        """
        request = self.request
        assert request is not None, "nothing was sent"
        passed = request.echo.feed(piece)
        self._left -= len(piece)
        if passed is None:
            raise echoed(request.destination, self._status)
        if self._left < 0:
            raise ProviderUnavailable(
                "The answer is longer than any that is passed through.",
                provider=request.destination.provider,
            )
        self.meter.feed(piece)
        return self._writer.feed(passed) if self._writer else passed

    def pass_rest(self) -> bytes:
        """Return what was held back of a body that is over."""
        assert self.request is not None, "nothing was sent"
        rest = self.request.echo.flush()
        return self._writer.feed(rest) + self._writer.flush() if self._writer else rest

    # --- when it is over

    def note(self, error: AssayError | None, *, stopped: bool = False) -> None:
        """Count the call and write its line, if anything was sent.

        Args:
            error: What ended it; None for what the provider has answered.
            stopped: Whether the caller hung up.
        """
        sent = self.request is not None and self.request.sent
        status = error.code if error else "stopped" if stopped else _status_of(self._status)
        if sent:
            # The provider's name, not the connection's: people make those up without end.
            provider = self.grant.destination.provider
            self._services.metrics.count_call(INSTRUMENT, provider, "workspace", status)
        self.meter.end(status, sent=sent, whole=error is None and not stopped)

    def forget_key(self) -> None:
        """Forget the key's traces: nothing more comes back."""
        if self.request is not None:
            self.request.echo.disarm()

    @property
    def is_reserved(self) -> bool:
        """Whether there is something to settle."""
        return self.meter.is_reserved

    async def settle(self) -> None:
        """Put what the call counts for in the place of what was reserved for it, if it was counted."""
        with CancelScope(shield=True):
            await self.meter.settle()


def write_failure(error: AssayError) -> bytes:
    """Return the event that ends a stream which has begun, as OpenAI and Anthropic write theirs."""
    frame = {"type": "error", "error": {"type": error.code, **error.to_dict()}}
    return b"\n\n" + write_event("error", frame)


def _status_of(status: int) -> str:
    if status < 400:
        return "ok"
    if status == 429:
        return "rate_limited"
    if status == 403:
        return "provider_auth"
    return "provider_unavailable" if status >= 500 else "provider_error"
