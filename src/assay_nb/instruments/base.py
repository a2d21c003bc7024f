"""The instrument's interface: text in, requests out, replies in, a verified result out. No I/O.

An instrument's work is written as a *script*: a generator that yields the `Request`s it wants
answered, is sent their `Reply`s in the same order, and returns its result. A repair round is one more
`yield`; requests in one tuple may be answered at the same time. The engine drives it over the network,
a test drives it with a list of replies. Nothing in this room can reach a provider, a key or a disk.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Generic, Protocol, Self, TypeAlias, TypeVar, cast

from assay_nb.messages import Reply, Request, Usage
from assay_nb.render.bundle import bundle, plain
from assay_nb.render.document import Document
from assay_nb.render.surroundings import find_width

ResultT = TypeVar("ResultT", bound="Result")
Script: TypeAlias = Generator[tuple[Request, ...], tuple[Reply, ...], ResultT]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a result came from; the engine fills it in.

    Attributes:
        workspace: The workspace's name.
        provider: The provider's id.
        model: The model that answered, as the provider names it.
        usage: Tokens over all rounds.
        cost: Estimated US dollars, or None when it cannot be known.
        seconds: Wall time.
        requests: Model requests made, repairs included.
        cost_source: Whose price that is by.
        request_ids: The provider's ids of them.
        funding: `"workspace"`, or `"demo call 3 of 7"`.
        practice: True when the practice provider answered, which is no model.
        stopped: True when the person interrupted, so the result is what had come by then.
    """

    workspace: str = ""
    provider: str = ""
    model: str = ""
    usage: Usage = field(default_factory=Usage)
    cost: float | None = None
    cost_source: str = ""
    seconds: float | None = None
    requests: int = 0
    request_ids: tuple[str, ...] = ()
    funding: str = "workspace"
    practice: bool = False
    stopped: bool = False


def encode_provenance(provenance: Provenance) -> dict[str, Any]:
    """Return the provenance as JSON-ready data, in a stable order of keys."""
    return {**asdict(provenance), "request_ids": list(provenance.request_ids)}


def decode_provenance(fields: Mapping[str, Any]) -> Provenance:
    """Return the provenance that `encode_provenance` was given."""
    read: dict[str, Any] = {
        "usage": Usage(**fields["usage"]),
        "request_ids": tuple(fields["request_ids"]),
    }
    return Provenance(**{**fields, **read})


class Result(Protocol):
    """What every instrument returns: plain data that can show itself.

    `schema` names the JSON form, such as `"assay.critique.v1"`; `from_dict(to_dict())` gives an equal
    result, which is how a result crosses from the gateway to a kernel.
    """

    schema: ClassVar[str]

    @property
    def provenance(self) -> Provenance: ...

    def to_dict(self) -> dict[str, Any]: ...

    def to_saved(self) -> dict[str, Any]: ...

    def to_document(self) -> Document: ...

    def with_provenance(self: ResultT, provenance: Provenance) -> ResultT: ...


class Shown:
    """Mix-in of a result, a dataclass: shows it wherever Python looks (notebook, terminal, file)."""

    schema: ClassVar[str]

    def with_provenance(self, provenance: Provenance) -> Self:
        """Return the same result with another `provenance`."""
        return replace(cast("Any", self), provenance=provenance)

    def to_dict(self) -> dict[str, Any]:
        raise NotImplementedError

    def to_saved(self) -> dict[str, Any]:
        """Return the JSON form that a notebook file keeps: all of it, where that is not too much."""
        return self.to_dict()

    def to_document(self) -> Document:
        raise NotImplementedError

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return bundle(self.to_document(), self.to_saved(), width=find_width())

    def __repr__(self) -> str:
        return plain(self.to_document())


class Line:
    """Mix-in for a part of a result: `print` shows a line, and so does the list that holds it."""

    __slots__ = ()

    def __str__(self) -> str:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument(Generic[ResultT]):
    """One instrument, as the engine knows it.

    Attributes:
        name: As in `%%critique`.
        start: Begins the script for a prompt and the options that the caller set. Raises `WrongUsage`
            at once, before anything is sent, where they cannot be carried out.
        preview: Reads as much as it can of an unfinished reply, leniently: what is shown while it
            streams, and what is kept when the person stops it. None when nothing can be shown yet.
        read: Turns `to_dict()` back into the result.
        demo: Whether the operator's demo budget may pay for it.
    """

    name: str
    start: Callable[[str, Mapping[str, Any]], Script[ResultT]]
    preview: Callable[[str, str], ResultT | None]
    read: Callable[[Mapping[str, Any]], ResultT]
    demo: bool = False
