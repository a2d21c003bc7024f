"""The provider's interface, as the engine sees it: a request in, a stream of events out.

Behind it stand the provider's official SDK, which never sees a key, and our own transport, which does
for as long as it takes to write one header.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from assay_nb.egress.credential import Credential
from assay_nb.messages import ProviderEvent, ProviderId, Request


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model that the provider's listing names for this key.

    Attributes:
        id: As calls name it.
        name: For people.
        context: Tokens that fit into it.
        max_output: Tokens of a reply at most.
        extra: All that the listing says of it, in its own words and not checked.
    """

    id: str
    name: str | None = None
    context: int | None = None
    max_output: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False, repr=False)
    """The entry as the listing gives it, for what else it says of the model."""


class Provider(Protocol):
    """One provider's wire protocol."""

    @property
    def id(self) -> ProviderId: ...

    def stream(
        self, request: Request, *, model: str, credential: Credential
    ) -> AsyncGenerator[ProviderEvent, None]:
        """Ask, and yield what comes: text, token counts, and exactly one `Stopped` at the end.

        Without a terminal marker on the wire the reason is `incomplete`. Whatever goes wrong is raised
        from the `ProviderError` tree, in our own words. Closing it, or cancelling the task
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
