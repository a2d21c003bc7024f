"""The key's header: which one carries a key, and how it is put on a request and taken off again.

This is the only module that opens a credential. An SDK's request gets its key from a `HeaderWriter`, a
request that is passed through from `put_key` or `take_header`; all use the same table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any, Protocol

from anyio.to_thread import run_sync

from assay_nb.connections.keyway import wanting
from assay_nb.egress.credential import Credential
from assay_nb.errors import AssayError, EndpointRefused, KeyStep
from assay_nb.messages import Destination

_HEADERS = {
    "bearer": (b"Authorization", b"Bearer "),
    "x-api-key": (b"x-api-key", b""),
    "api-key": (b"api-key", b""),
    "x-goog-api-key": (b"x-goog-api-key", b""),
    "x-portkey-api-key": (b"x-portkey-api-key", b""),
}
"""What carries the key, by placement: the header's name, and the prefix before the key."""

_HEADER_SAFE = re.compile(rb"[\x21-\x7e]+")


def header_for(
    destination: Destination, key: bytes | bytearray | memoryview
) -> tuple[bytes, bytes] | None:
    """Return the header that carries a key; None where the destination is called without one.

    Raises:
        EndpointRefused: If the key cannot be written in a header, or there is one where none belongs.
    """
    if destination.keyless and not key:
        return None
    if destination.placement not in _HEADERS:
        raise EndpointRefused("The key is to be sent in a way that is not known here.")
    check_header_safe(destination, key)
    name, before = _HEADERS[destination.placement]
    return name, before + key


def check_header_safe(destination: Destination, key: bytes | bytearray | memoryview) -> None:
    """Raise unless the key can be written in a header. h11 would print all of it in its own complaint."""
    if _HEADER_SAFE.fullmatch(key) is None:
        error = EndpointRefused(
            "The stored key holds a space, a line break or a character that no key has."
        )
        raise wanting(error, KeyStep("replace", destination.connection))


def used_twice() -> EndpointRefused:
    """Return the refusal of a second request with one key: a library's own retry gets none."""
    return EndpointRefused("A key is put on one request, not on two.")


class KeyBearer(Protocol):
    """A request that will carry a key."""

    @property
    def credential(self) -> Credential: ...

    def watch_for(self, key: bytes | bytearray | memoryview) -> None:
        """Look for this key, which is about to be sent, in what comes back.

        Raises:
            EndpointRefused: If this request has had its key already: see `used_twice`.
        """
        ...


class SingleUse(KeyBearer, Protocol):
    """A request that carries its key once, and keeps the reason if it does not."""

    @property
    def sent(self) -> bool: ...

    def refuse(self, error: AssayError) -> Exception:
        """Remember the error, and return what the sender is told."""
        ...


class HeaderWriter:
    """Puts the key on a request while its headers are written, and takes it off again.

    Where the destination is called without a key, nothing is put on; its row is opened all the same, which
    proves that nobody edited it to say so.

    It is called by httpcore's `trace` extension. A proxy's CONNECT request runs through the same
    events and must not get the key, hence the look at method and origin. The key is opened once: an SDK
    that sends a second request of its own does not get it.
    """

    def __init__(self, bearer: SingleUse, origin: tuple[bytes, bytes, int | None]) -> None:
        self._bearer = bearer
        self._origin = origin
        self._headers: list[tuple[bytes, bytes]] | None = None

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        if event == "http11.send_request_headers.started":
            self._write(info["request"])
        elif event.startswith("http11.send_request_headers."):
            self._erase()

    def _write(self, request: Any) -> None:
        url = request.url
        if request.method == b"CONNECT" or (url.scheme, url.host, url.port) != self._origin:
            return
        try:
            if self._bearer.sent:
                raise used_twice()
            credential = self._bearer.credential
            with credential.open() as key:
                header = header_for(credential.destination, key)
                if header is not None:
                    request.headers.append(header)
                    self._headers = request.headers
                self._bearer.watch_for(key)
        except AssayError as error:
            raise self._bearer.refuse(error) from None

    def _erase(self) -> None:
        if self._headers is not None:
            self._headers.pop()
            self._headers = None


def take_header(bearer: KeyBearer) -> tuple[bytes, bytes] | None:
    """Open the key and return the header that carries it, to be written at once and kept nowhere.

    None where the destination is called without a key. Its row is opened all the same, as in `put_key`.
    """
    credential = bearer.credential
    with credential.open() as key:
        header = header_for(credential.destination, key)
        bearer.watch_for(key)
        return header


async def take_header_off_loop(bearer: KeyBearer) -> tuple[bytes, bytes] | None:
    """Do what `take_header` does where opening may take long, as a database elsewhere does: in a thread."""
    credential = bearer.credential
    opening = credential.open()
    key = await run_sync(opening.__enter__)
    try:
        header = header_for(credential.destination, key)
        bearer.watch_for(key)
        return header
    finally:
        opening.__exit__(None, None, None)


async def put_key(
    bearer: KeyBearer, headers: MutableMapping[str, str], *, off_loop: bool
) -> str | None:
    """Put the key on a request's headers; return the name of the header to take off again.

    None where the destination is called without a key. Its row is opened all the same, which proves
    that nobody edited it to say so.

    Args:
        bearer: The request.
        headers: Its headers.
        off_loop: Whether opening the key may take long, as a database elsewhere does: then a thread opens it.
    """
    header = await take_header_off_loop(bearer) if off_loop else take_header(bearer)
    if header is None:
        return None
    name = header[0].decode("ascii")
    headers[name] = header[1].decode("ascii")
    return name
