"""Named models: every model that the body of a request can name, for the operator's list of models.

A request names more than the one model of its first field: fallbacks, tools, the lines of a batch, a field of
a form. Each is compared, wherever it is, so that it does not matter by which of them a server goes. A body
that can't be read for its models is refused.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field

from assay_nb.gateway.proxy.json_scan import NotJson, scan

_NAMES = (
    "model",
    "models",
    "modelid",
    "modelids",
    "modelname",
    "modelnames",
    "fallback",
    "fallbacks",
)
"""Ends of members' names that hold models: `model`, `fallback_models`, `embeddingModelId`."""

_PLACES = frozenset({"deployment", "deploymentid", "deploymentname"})
"""Azure's names for a model."""

_FILES = frozenset({"inputfile", "inputfiles", "inputfileid", "inputfileids"})
"""Members that lead to a file of requests, whose models cannot be seen here."""

_REQUESTS = frozenset({
    (), ("body",), ("requests",), ("requests", "params"), ("requests", "body"), ("requests", "request"),
})  # fmt: skip
"""Where one request of its own is: the body, a line of a batch's file, an entry of a batch."""

_DATA = frozenset({
    ("messages", "content", "input"),
    ("contents", "parts", "functionCall", "args"),
    ("contents", "parts", "functionResponse", "response"),
})  # fmt: skip
"""Where a request holds what a tool was called with, or gave back: data of the conversation, which no server
takes a model from. Agents' own tools have arguments named `model`."""

_SCHEMAS = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
)
"""Members of a JSON schema whose own members are named by the person, and are schemas."""


class UnreadableModels(Exception):
    """A body that cannot be read for its models.

    Attributes:
        reason: What is in the way, as the end of a sentence that begins with "the request".
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class NamedModels:
    """The models that a body names.

    Attributes:
        models: All of them, each once, the request's own first. Without Google's `models/`.
        complete: Whether each request in the body says which model it asks.
    """

    models: tuple[str, ...]
    complete: bool


def read_json_models(body: bytes) -> Generator[None, None, NamedModels]:
    """Return the models that JSON or JSON Lines name; yield between slices of the work.

    Raises:
        UnreadableModels: If it is not strict JSON, or leads to requests that are not in it.
    """
    finder = ModelFinder()
    try:
        count = yield from scan(body, finder)
    except NotJson as error:
        raise UnreadableModels(error.reason) from None
    if finder.has_file:
        raise UnreadableModels("names a file of requests, which is not read here")
    return NamedModels(
        tuple(dict.fromkeys((*finder.own, *finder.models))), count > 0 and finder.complete == count
    )


def names_model(name: str) -> bool:
    """Say whether a member or a field of this name holds a model."""
    plain = _plain(name)
    return plain.endswith(_NAMES) or plain in _PLACES


def clean(model: str) -> str:
    """Return a model's name as the lists have it."""
    return model.removeprefix("models/")


def _plain(name: str) -> str:
    # Some servers compare names without regard to case; Google's take both `fooBar` and `foo_bar`.
    return name.casefold().replace("_", "").replace("-", "")


@dataclass(slots=True)
class _Level:
    """An object or a list that is open.

    Attributes:
        path: The members' names on the way to it; lists add none.
        counted: Every text below is a model's name.
        data: Nothing below is.
        schemas: Its members are schemas, by names of the person's.
        own, silent: Its own `model` is a text; is something else, at least once.
        member: The name of the member that is being read.
        asking, complete: The requests within it, and how many of these say which model they ask.
    """

    is_object: bool
    path: tuple[str, ...]
    counted: bool = False
    data: bool = False
    schemas: bool = False
    own: bool = False
    silent: bool = False
    member: str = ""
    asking: int = 0
    complete: int = 0


@dataclass(slots=True)
class ModelFinder:
    """Collects the models that a scanner comes by.

    Attributes:
        own: The texts that requests have as their own `model`.
        models: All texts that name models.
        has_file: Whether it leads to a file of requests.
        complete: Values on the top level that say which model each of their requests asks.
    """

    own: list[str] = field(default_factory=list[str])
    models: list[str] = field(default_factory=list[str])
    has_file: bool = False
    complete: int = 0
    _levels: list[_Level] = field(default_factory=list[_Level])

    def enter(self, is_object: bool) -> None:
        """Open an object or a list."""
        if not self._levels:
            self._levels.append(_Level(is_object, ()))
            return
        above = self._levels[-1]
        self._note_silence(above)
        if not above.is_object:
            level = _Level(is_object, above.path, above.counted, above.data)
        else:
            path = (*above.path, above.member)
            counted = above.counted or (
                names_model(above.member) and not (above.schemas and is_object)
            )
            level = _Level(is_object, path, counted, above.data or path in _DATA)
            level.schemas = is_object and above.member in _SCHEMAS
        self._levels.append(level)

    def leave(self) -> None:
        """Close the innermost object or list, and count the request that it was."""
        level = self._levels.pop()
        asking, complete = level.asking, level.complete
        if level.is_object and level.path in _REQUESTS:
            says = level.own and not level.silent
            complete = int(says or 0 < asking == complete)
            asking = 1
        if self._levels:
            self._levels[-1].asking += asking
            self._levels[-1].complete += complete
        else:
            self.complete += complete

    def name(self, text: str) -> None:
        """Note the member whose value follows."""
        level = self._levels[-1]
        level.member = text
        if level.data:
            return
        plain = _plain(text)
        folder = _plain(level.path[-1]) if level.path else ""
        if plain in _FILES or (plain == "filename" and folder == "inputconfig"):
            self.has_file = True

    def wants_text(self) -> bool:
        """Say whether a text here names a model."""
        if not self._levels:
            return False
        level = self._levels[-1]
        if level.data:
            return False
        return level.counted or (level.is_object and names_model(level.member))

    def text(self, text: str) -> None:
        """Note a model's name."""
        model = clean(text)
        self.models.append(model)
        level = self._levels[-1]
        if level.is_object and level.member == "model" and not level.counted:
            level.own = True
            if level.path in _REQUESTS:
                self.own.append(model)

    def plain(self) -> None:
        """Note a value that names no model, where one should be."""
        if self._levels:
            self._note_silence(self._levels[-1])

    def _note_silence(self, level: _Level) -> None:
        if level.is_object and _plain(level.member) == "model":
            level.silent = True
