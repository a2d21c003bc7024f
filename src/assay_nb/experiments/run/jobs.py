"""Many calls at once: bounded, resumable, each answered from the cache where it was paid for before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from assay_nb.engine.call import Call, OnWait
from assay_nb.experiments.run.target import Target


class Ask(Protocol):
    """An async function from a call to its result, which tells of the waits within the call."""

    def __call__(self, call: Call, on_wait: OnWait | None = None) -> Any: ...


@dataclass(frozen=True, slots=True)
class Job:
    """One call, and where its answer belongs.

    Attributes:
        call: What is asked.
        tag: Whatever tells the caller which job this was.
        shelf: The cache file; empty for what is not kept.
        name: The name in it.
        requests: How many requests the call makes, repairs aside.
        target: Who answers; None where that is not known, and neither is the price.
        unfit: Why it cannot be sent; None where it can. Then it is answered with that error.
    """

    call: Call
    tag: Any = None
    shelf: str = ""
    name: str = ""
    requests: int = 1
    target: Target | None = None
    unfit: str | None = None


@dataclass(frozen=True, slots=True)
class JobResult:
    """What came of a job.

    Attributes:
        payload: The part of the result that is kept: a run's output, a judge's preferences.
        input_tokens: As the provider counted them.
        output_tokens: Likewise.
        cost: Dollars; None where prices are not known.
        seconds: Wall time.
        model: Who answered.
        practice: Whether it was the practice provider.
        requests: How many requests it took, repairs included.
        error: What went wrong with this row; None when nothing did.
        sent: Whether it was sent at all: a row that is unfit is not.
        stop: Why the reply ended, one of `messages.StopReason`: only `"end"` is whole. None without one.
        thought: Whether the model thought first: an empty reply used its output tokens for that.
        cached: Whether it was paid for earlier.
        again: Whether a first reply had broken off, and it was asked once more, alone.
        result: The whole result; None from the cache.
    """

    payload: Mapping[str, Any] = field(default_factory=dict[str, Any])
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None
    model: str = ""
    practice: bool = False
    requests: int = 0
    error: str | None = None
    sent: bool = True
    stop: str | None = None
    thought: bool = False
    cached: bool = False
    again: bool = False
    result: Any = None

    @property
    def output(self) -> str | None:
        """A run's output as it came, whole or not; None for a row that failed."""
        return self.payload.get("output")

    @property
    def lost(self) -> str | None:
        """Why it is no observation: `"failed"`, or the word for a reply that is not whole. None if it is."""
        if self.stop is not None:
            return None if self.stop == "end" else self.stop
        return "failed" if self.error is not None or not self.payload else None

    @property
    def whole(self) -> bool:
        """Whether it is an observation: a reply that came, and came whole."""
        return self.lost is None

    def observed(self, *, count_cut: bool = False) -> str | None:
        """Return the output if it counts: one that is not whole does so only where that was asked for."""
        return self.output if self.whole or count_cut else None


KEPT = (
    "stop",
    "input_tokens",
    "output_tokens",
    "cost",
    "seconds",
    "model",
    "practice",
    "requests",
)

PAYLOADS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "playground": lambda run: {"output": run.output},
    "judge": lambda judgement: {
        "score": judgement.score,
        "preferences": list(judgement.preferences),
        "answers": {mark.criterion: mark.answer for mark in judgement.marks},
        "reasons": _reasons(judgement),
    },
}


def _reasons(judgement: Any) -> dict[str, str]:
    """Return why, by criterion. Of a comparison: the words of the order in which `output` came first."""
    said = judgement.marks or next(iter(judgement.orders), ())
    return {one.criterion: one.reason for one in said}
