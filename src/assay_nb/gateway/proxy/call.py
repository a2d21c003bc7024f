"""The rules around one call that is passed through, whichever of the two ways its bytes go.

A request goes by the connection's own protocol (`proxy.relay`), or through aiohttp (`proxy.handler`). Either way
moves bytes and nothing else: what is counted, checked, looked for, refused and logged is here.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from assay_nb.accounting.call_log import make_record
from assay_nb.egress.checks import ResponseHead, echoed
from assay_nb.egress.setting_names import OPERATOR
from assay_nb.engine.sse import write_event
from assay_nb.errors import AssayError, PermissionDenied, ProviderAuthError, ProviderUnavailable
from assay_nb.gateway.http.responses import TooLarge
from assay_nb.providers.wording import name_connection

if TYPE_CHECKING:
    from assay_nb.accounting.allowances import AllowanceReservation
    from assay_nb.gateway.auth.caller import Caller
    from assay_nb.gateway.proxy.grants import Grant
    from assay_nb.gateway.proxy.reverse_proxy import ReverseProxy
    from assay_nb.gateway.proxy.target import Target
    from assay_nb.gateway.proxy.upstream import UpstreamRequest
    from assay_nb.gateway.services import Services

INSTRUMENT = "pass-through"
"""What the calls log has in the place of an instrument."""

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
        model: The model, where the request names one.
        request: What carries the key; None before there is a connection to wait for.
    """

    def __init__(
        self, services: Services, proxy: ReverseProxy, user: str, target: Target, grant: Grant
    ) -> None:
        self.target = target
        self.grant = grant
        self.model = target.models[-1] if target.models else None
        self.request: UpstreamRequest | None = None
        self._services = services
        self._proxy = proxy
        self._user = user
        self._began = time.monotonic()
        self._status = 0
        self._left = _MOST_BACK
        self._reservation: AllowanceReservation | None = None

    # --- before anything is sent

    def check_room(self) -> None:
        """Refuse a call whose line could not be kept.

        Raises:
            StoreUnavailable: If the calls log cannot be written.
        """
        self._proxy.journal.check_room()

    @property
    def is_counted(self) -> bool:
        """Whether the call counts against what an admin has set for its member."""
        return self.grant.limited and not self.target.bodiless

    async def reserve(self) -> None:
        """Count the call against what an admin lets its member use, if anything is set.

        Raises:
            LimitReached: If it is used up.
        """
        if self.is_counted:
            self._reservation = await self._proxy.reserve(self.grant, self._user)

    def check_length(self, length: int | None) -> None:
        """Refuse a body that is larger than any that is passed through.

        Raises:
            TooLarge: If it is. A body without a stated length is counted while it passes.
        """
        most = self._services.settings.limits.passthrough_body
        if length is not None and length > most:
            raise TooLarge(f"The request is larger than {most:,} bytes.")

    def make_request(self) -> UpstreamRequest:
        """Return what carries the key, which is opened when the connection is established."""
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
        head = ResponseHead(request.destination, status, headers)
        head.check_echo(request.echo, kept)
        head.check_redirect(
            "If the endpoint moved, an admin saves the key again with its new address."
        )
        if status == 401:
            raise self._key_refused(head)
        if head.encoding:
            raise head.compressed()
        if head.is_page:
            raise head.not_a_reply(OPERATOR.advise(_IN_BETWEEN))

    def pass_whole(self, body: bytes) -> bytes:
        """Return a small body as it may be passed on.

        Raises:
            ProviderError: If it holds the key.
        """
        request = self.request
        assert request is not None, "nothing was sent"
        if request.echo.has_echo(body):
            raise echoed(request.destination, self._status)
        return body

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
        return passed

    def pass_rest(self) -> bytes:
        """Return what was held back of a body that is over."""
        assert self.request is not None, "nothing was sent"
        return self.request.echo.flush()

    def _key_refused(self, head: ResponseHead) -> AssayError:
        # Providers quote keys in these, and the caller would think that their token is meant.
        name, destination = self.grant.workspace.name, head.destination
        if destination.keyless:
            return head.refusal(
                ProviderAuthError,
                f"{destination.origin} asks for a key, and '{name}' has none for it.",
                "An owner or admin enters one on the hub's page for keys.",
            )
        return head.refusal(
            ProviderAuthError,
            f"{name_connection(destination)} does not accept the key of '{name}'.",
            "An owner or admin replaces it on the hub's page for keys.",
        )

    # --- when it is over

    def note(self, error: AssayError | None, *, stopped: bool = False) -> None:
        """Count the call and write its line, if anything was sent.

        Args:
            error: What ended it; None for what the provider has answered.
            stopped: Whether the caller hung up.
        """
        request = self.request
        if request is None or not request.sent:
            return
        status = error.code if error else "stopped" if stopped else _status_of(self._status)
        there = self.grant.destination
        # The provider's name, not the connection's: people make those up without end.
        self._services.metrics.count_call(INSTRUMENT, there.provider, "workspace", status)
        self._proxy.journal.add(
            make_record(
                workspace_id=self.grant.workspace.id,
                user=self._user,
                instrument=INSTRUMENT,
                provider=there.connection,
                model=self.model or "",
                funding="workspace",
                status=status,
                milliseconds=round((time.monotonic() - self._began) * 1000),
            )
        )

    @property
    def is_reserved(self) -> bool:
        """Whether there is something to settle."""
        return self._reservation is not None

    async def settle(self) -> None:
        """Add what the call has cost to what its member has used, if it was counted."""
        if self._reservation is not None:
            await self._proxy.settle(self._reservation, 0.0 if self._was_refused else None)

    @property
    def _was_refused(self) -> bool:
        """Whether the provider has answered that it did nothing, or was never asked."""
        return self.request is None or not self.request.sent or self._status >= 400


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
