"""The credential: the right to use one key at one destination, without the key."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TypeAlias

from assay_nb.messages import Destination

Opening: TypeAlias = AbstractContextManager["bytes | bytearray | memoryview"]


@dataclass(frozen=True, slots=True, eq=False)
class Credential:
    """The right to use one key at one destination, without the key.

    Attributes:
        destination: The only place that the key may be sent to, and how it is put on a request.
        open: Opens the key into a buffer, as a context manager that overwrites the buffer on leaving.
            `egress.key_header` calls it once per request, after the connection is established and just
            before the headers are written; nothing else calls it. It may raise; its error reaches the
            caller as it is.
        owner: Whose it is: the workspace's id in hexadecimal; empty where nothing is kept about it.
    """

    destination: Destination
    open: Callable[[], Opening] = field(repr=False)
    owner: str = ""

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("A credential stays in the process that made it.")
