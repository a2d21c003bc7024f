"""The call, and the engine that runs it: the first seam."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from assay_nb.engine.events import Finished, Waiting
from assay_nb.errors import WrongUsage

if TYPE_CHECKING:
    from assay_nb.engine.events import Event
    from assay_nb.instruments.base import Result

_FIELDS = (
    "instrument",
    "prompt",
    "workspace",
    "model",
    "options",
    "idempotency_key",
    "max_requests",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One use of an instrument. JSON-ready, so that a gateway gets exactly what an engine here would.

    There is no field for an address, a header or a key: where a call goes is bound to the
    workspace's stored key, and nobody who makes a call can say otherwise.

    Attributes:
        instrument: The instrument's name, such as `"critique"`.
        prompt: The prompt under work, verbatim.
        workspace: The workspace's name or id; None takes the caller's active one.
        model: `"provider/model"` or a model's name; None takes the workspace's choice.
        options: What the caller set, by the instrument's own names. Only JSON values.
        idempotency_key: Repeating a call with the same key never spends a second demo call.
        max_requests: Requests that it may make, with retries and repairs; unlimited if None.
    """

    instrument: str
    prompt: str
    workspace: str | None = None
    model: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    idempotency_key: str | None = None
    max_requests: int | None = None

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _FIELDS} | {"options": dict(self.options)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Call:
        """Read a call that came over the wire.

        Raises:
            WrongUsage: If a field is unknown or of the wrong type. Unknown fields are refused and not
                ignored, so that no future address field can slip through an old gateway.
        """
        unknown = sorted(set(fields) - set(_FIELDS))
        if unknown:
            raise WrongUsage(
                f"A call has no field '{unknown[0]}'.", hint=f"It has {', '.join(_FIELDS)}."
            )
        for name in ("instrument", "prompt"):
            if not isinstance(fields.get(name), str):
                raise WrongUsage(f"A call's '{name}' must be text.")
        for name in ("workspace", "model", "idempotency_key"):
            if not isinstance(fields.get(name), str | None):
                raise WrongUsage(f"A call's '{name}' must be text or null.")
        check_max_requests(fields.get("max_requests"))
        options: Any = fields.get("options") or {}
        if not isinstance(options, dict):
            raise WrongUsage("A call's 'options' must be an object.")
        given: dict[str, Any] = {**fields, "options": options}
        return cls(**given)


def check_max_requests(value: Any) -> None:
    """Raise `WrongUsage` unless a limit on a call's requests is a whole number above zero, or None."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value is not None and not (whole and value > 0):
        raise WrongUsage("A call's 'max_requests' must be a whole number above zero, or null.")


OnWait: TypeAlias = Callable[[float], None]
"""Told how many seconds a call waits before it tries again."""


class Engine(Protocol):
    """The seam between faces and providers.

    `run` yields `Started`, then deltas and notices, and last `Finished` with the result. It raises an
    `AssayError` where the call fails. Closing the iterator, or cancelling the task that reads it,
    closes the connection to the provider.
    """

    def run(self, call: Call) -> AsyncIterator[Event]: ...

    async def ask(self, call: Call, on_wait: OnWait | None = None) -> Result:
        """Run a call for its result alone, and tell of its waits.

        Cancelling the task that asks closes the connection too.
        """
        async with aclosing(cast("Any", self.run(call))) as events:
            async for event in events:
                if isinstance(event, Finished):
                    return event.result
                if isinstance(event, Waiting) and on_wait is not None:
                    on_wait(event.seconds)
        raise RuntimeError("an engine ended without a result")  # a broken engine, no user's mistake

    async def aclose(self) -> None:
        """Close the connections that were kept for the next call. A later call opens new ones."""
        ...
