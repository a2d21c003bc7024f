"""Entered keys: which of them a destination takes."""

from __future__ import annotations

from dataclasses import replace

from assay_nb.connections.presets import PRESETS, maker_of, preset_of
from assay_nb.egress.origins import is_official
from assay_nb.errors import WrongUsage
from assay_nb.messages import NO_KEY, Destination

_OFFICIAL = range(20, 513)
"""How long the keys of the providers' own endpoints are: what is shorter or longer was cut, or is not a key."""


def place_key(destination: Destination, key: bytes | bytearray | memoryview) -> Destination:
    """Return the destination of a key that was entered: without one, a server is called without one.

    A user's own server decides what its keys look like (`ollama`, `EMPTY`), and whether it has any. A
    provider's own endpoint always needs a key, however its URL was written.

    Raises:
        WrongUsage: If it is a provider's own endpoint, and no provider's key has this length; or if it is a
            service, and the key is another service's, which testing it would tell to this one.
    """
    _check_maker(destination, key)
    if not is_official(destination):
        return destination if key else replace(destination, placement=NO_KEY)
    if len(key) not in _OFFICIAL:
        raise WrongUsage(
            "That is not a key, so nothing was stored.",
            hint=f"A key is {_OFFICIAL.start} to {_OFFICIAL.stop - 1} characters of plain ASCII "
            "without a blank or line end inside.",
        )
    return destination


def _check_maker(destination: Destination, key: bytes | bytearray | memoryview) -> None:
    own = (
        PRESETS[destination.provider]
        if is_official(destination)
        else preset_of(destination.endpoint)
    )
    maker = maker_of(key)
    if own is not None and maker is not None and own != maker:
        raise WrongUsage(
            f"That is a key of {maker.label} and not of {own.label}, so nothing was sent or stored.",
            hint=f"Enter a key of {own.label}, or connect {maker.label} with this one.",
        )
