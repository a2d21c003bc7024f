"""What a provider is to the rest of the house: a request in, a stream of events out.

Behind it stand the provider's official SDK, which never sees a key, and our own transport, which does
for as long as it takes to write one header.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from assay_nb.messages import Destination, ProviderEvent, ProviderId, Request

Opening: TypeAlias = AbstractContextManager["bytes | bytearray | memoryview"]


@dataclass(frozen=True, slots=True, eq=False)
class Credential:
    """The right to use one key at one destination, without the key.

    Attributes:
        destination: The only place that the key may be sent to, and how it is put on a request.
        open: Opens the key into a buffer, as a context manager that overwrites the buffer on leaving. The
            transport calls it once per request, after the connection stands and just before the
            headers are written. It may raise; its error reaches the caller as it is.
    """

    destination: Destination
    open: Callable[[], Opening] = field(repr=False)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("A credential stays in the process that made it.")


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model that the provider's listing names for this key."""

    id: str
    name: str | None = None
    context: int | None = None
    max_output: int | None = None


class Provider(Protocol):
    """One provider's wire protocol."""

    @property
    def id(self) -> ProviderId: ...

    def stream(
        self, request: Request, *, model: str, credential: Credential
    ) -> AsyncIterator[ProviderEvent]:
        """Ask, and yield what comes: text, token counts, and exactly one `Stopped` at the end.

        Without a terminal marker on the wire the reason is `incomplete`. Whatever goes wrong is raised
        from the `ProviderError` tree, in our own words. Closing the iterator, or cancelling the task
        that reads it, closes the connection at once.
        """
        ...

    async def list_models(self, credential: Credential) -> list[ListedModel]:
        """Return the models that this key can see. Free of charge: this is how a key is tested."""
        ...

    async def count_tokens(
        self, request: Request, *, model: str, credential: Credential
    ) -> int | None:
        """Return the prompt's size as the provider counts it, free of charge; None where it can't."""
        ...
