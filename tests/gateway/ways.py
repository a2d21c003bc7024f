"""The two ways of a request that is passed through: by the relay, or through aiohttp. Both keep to one set of rules."""

from __future__ import annotations

from typing import Literal

import pytest

from assay_nb.gateway.proxy import protocol

Way = Literal["relay", "aiohttp"]

WAYS: tuple[Way, ...] = ("relay", "aiohttp")


def choose(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every request go this way, as far as it can."""
    if way == "aiohttp":
        monkeypatch.setattr(protocol, "read_head", lambda *head: None)
