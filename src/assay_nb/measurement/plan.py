"""Before anything is spent: how many calls it takes and about what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assay_nb.errors import WrongUsage
from assay_nb.measurement.target import Target

CHARACTERS_PER_TOKEN = 4
OUTPUT_GUESS = 300
"""Output tokens of a call of which nothing is known yet."""

PROPOSAL_TOKENS = (3_000, 2_000)
"""In and out, for one critique, improvement or rewrite."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a run, as it is planned.

    Attributes:
        name: What it does.
        kind: The instrument.
        calls: Requests, without those that the cache answers.
        cost: Dollars; None where prices are not known.
    """

    name: str
    kind: str
    calls: int
    cost: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will take. A thumb's rule for tokens, the installed price list for money."""

    steps: tuple[Step, ...]

    @property
    def calls(self) -> int:
        """Requests over all steps."""
        return sum(step.calls for step in self.steps)

    @property
    def cost(self) -> float | None:
        """Dollars over all steps; None where any step's is not known."""
        costs = [step.cost for step in self.steps if step.calls]
        return None if None in costs else sum(cost for cost in costs if cost is not None)

    @property
    def estimates(self) -> dict[str, float]:
        """Dollars that one request of each kind is expected to cost."""
        return {s.kind: s.cost / s.calls for s in self.steps if s.cost is not None and s.calls}

    def describe(self) -> str:
        """Return it as a sentence."""
        if self.cost is None:
            return f"About {self.calls:,} calls; what they cost is not known here."
        return f"About {self.calls:,} calls and ${self.cost:.2f}."

    def check(self, budget: float | None, max_calls: int | None) -> None:
        """Raise `WrongUsage` where the limits do not cover the plan, or cannot be kept."""
        if budget is not None and not budget > 0:
            raise WrongUsage("The budget is not above zero, so nothing was sent.")
        if max_calls is not None and self.calls > max_calls:
            raise WrongUsage(
                f"It takes about {self.calls:,} calls, and the limit is {max_calls:,}. Nothing was sent.",
                hint="Raise the limit, or give it fewer rows.",
            )
        if budget is None:
            return
        if self.cost is None:
            if max_calls is None:
                raise WrongUsage(
                    "What this model costs here is not known, so a budget in dollars cannot be kept. "
                    "Nothing was sent.",
                    hint=f"Set a limit on calls: this takes about {self.calls:,}.",
                )
        elif self.cost > budget:
            raise WrongUsage(
                f"It costs about ${self.cost:.2f} ({self.calls:,} calls), and the budget is "
                f"${budget:.2f}. Nothing was sent.",
                hint="Raise the budget, or give it fewer rows.",
            )

    def to_dict(self) -> dict[str, Any]:
        return {"calls": self.calls, "cost": self.cost, "steps": [asdict(s) for s in self.steps]}


def plan_step(
    name: str, kind: str, calls: int, target: Target, tokens: tuple[float, float]
) -> Step:
    """Return a step of so many calls with these tokens in and out."""
    each = target.price(*tokens)
    return Step(name, kind, calls, None if each is None else each * calls)


def guess_tokens(texts: Sequence[str], options: Mapping[str, Any]) -> tuple[float, float]:
    """Return about how many tokens go in and out of a call, on average over these filled prompts."""
    size = sum(len(text) for text in texts) / max(1, len(texts))
    limit = options.get("max_output_tokens") or OUTPUT_GUESS
    return size / CHARACTERS_PER_TOKEN, min(OUTPUT_GUESS, limit)
