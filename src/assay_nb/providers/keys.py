"""Which keys a destination takes, and how a key is put on a request."""

from __future__ import annotations

from dataclasses import replace

from assay_nb.egress.origins import is_official
from assay_nb.errors import EndpointRefused, WrongUsage
from assay_nb.messages import NO_KEY, Destination

_OFFICIAL = range(20, 513)
"""How long the keys of the providers' own endpoints are: what is shorter or longer was cut, or is no key."""

_HEADERS = {"bearer": (b"Authorization", b"Bearer "), "x-goog-api-key": (b"x-goog-api-key", b"")}
"""What carries the key, by placement: the header's name, and what stands before the key."""

_HEADER_SAFE = frozenset(range(0x21, 0x7F))


def place_key(destination: Destination, key: bytes | bytearray | memoryview) -> Destination:
    """Return the destination of a key that was entered: without one, a server is called without one.

    A server of one's own decides what its keys look like (`ollama`, `EMPTY`), and whether it has any. A
    provider's own endpoint always needs a key, however its URL was written.

    Raises:
        WrongUsage: If it is a provider's own endpoint, and no key of a provider's has this length.
    """
    if not is_official(destination):
        return destination if key else replace(destination, placement=NO_KEY)
    if len(key) not in _OFFICIAL:
        raise WrongUsage(
            "That is not a key, so nothing was stored.",
            hint=f"A key is {_OFFICIAL.start} to {_OFFICIAL.stop - 1} characters of plain ASCII "
            "without a blank or line end inside.",
        )
    return destination


def header_for(
    destination: Destination, key: bytes | bytearray | memoryview
) -> tuple[bytes, bytes] | None:
    """Return the header that carries a key; None where the destination is called without one.

    Raises:
        EndpointRefused: If the key cannot stand in a header, or there is one where none goes.
    """
    if destination.keyless and not key:
        return None
    if destination.placement not in _HEADERS:
        raise EndpointRefused("The key is to be sent in a way that is not known here.")
    check_header_safe(key)
    name, before = _HEADERS[destination.placement]
    return name, before + key


def check_header_safe(key: bytes | bytearray | memoryview) -> None:
    """Raise unless the key can stand in a header. h11 would print all of it in its own complaint."""
    if not key or not _HEADER_SAFE.issuperset(key):
        raise EndpointRefused(
            "The stored key holds a space, a line break or a character that no key has.",
            hint="Enter it again: `assay-nb keys set`.",
        )
