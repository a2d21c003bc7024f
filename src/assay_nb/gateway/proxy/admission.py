"""The admission of a request that is passed through: who asks, for what, and what they may use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from assay_nb.gateway.auth.authenticate import authenticate, find_known_caller
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.proxy.call import ProxiedCall, check_program
from assay_nb.gateway.proxy.model_list import has_to_be_read
from assay_nb.gateway.proxy.target import Target, check_target, read_target

if TYPE_CHECKING:
    from assay_nb.gateway.auth.caller import Caller
    from assay_nb.gateway.proxy.grants import Grant
    from assay_nb.gateway.proxy.head import RequestHead
    from assay_nb.gateway.proxy.listener import Listener


class Admission:
    """What is found out of a request before anything of it is sent on.

    Attributes:
        caller: The person who asks, as soon as they are known.
    """

    __slots__ = ("_listener", "_request", "caller")

    def __init__(self, listener: Listener, head: RequestHead) -> None:
        self._listener = listener
        self._request = cast("Any", head)  # for the rules, which take aiohttp's as well
        self.caller: Caller | None = None

    def find_known(self) -> tuple[Target, Grant] | None:
        """Return what the request asks for and may use, if all of it is known; else None: then `find` it.

        Raises:
            AssayError: If the request is refused.
        """
        listener = self._listener
        caller = find_known_caller(listener.route, self._request, listener.services)
        if caller is None:
            return None
        self.caller = caller
        context = RequestContext(self._request, listener.services, caller)
        target = read_target(context)
        grants = listener.proxy.grants
        grant = grants.find_known(caller.user, context.workspace, target.connection)
        return None if grant is None else self._check(target, grant)

    async def find(self) -> tuple[Target, Grant]:
        """Return what the request asks for and may use, from the hub and the database where it is not known.

        Raises:
            AssayError: If the request is refused.
        """
        listener = self._listener
        caller = await authenticate(listener.route, self._request, listener.services)
        assert caller is not None, "the route is not open to everybody"
        self.caller = caller
        check_program(caller)
        context = RequestContext(self._request, listener.services, caller)
        target = read_target(context)
        grants = listener.proxy.grants
        grant = await grants.find(caller.user, context.workspace, target.connection)
        return self._check(target, grant)

    def needs_aiohttp(self, call: ProxiedCall) -> bool:
        """Say whether aiohttp has to serve the request: it goes by a proxy, or all of its body has to be read."""
        listener, there = self._listener, call.grant.destination
        if listener.proxy.upstream.is_proxied(there):
            return True
        is_read = call.reads_models or has_to_be_read(listener.services.settings, there)
        return is_read and self._request.body_exists

    def _check(self, target: Target, grant: Grant) -> tuple[Target, Grant]:
        check_target(self._listener.services.settings, target, grant.destination)
        return target, grant
