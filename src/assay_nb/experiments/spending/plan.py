"""Before anything is spent: how many calls it takes and about what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from assay_nb.errors import WrongUsage
from assay_nb.experiments.run.target import Target
from assay_nb.experiments.spending.estimates import CHARACTERS_PER_TOKEN, OUTPUT_GUESS
from assay_nb.experiments.spending.limits import Limits
from assay_nb.instruments.base import Provenance, Shown
from assay_nb.instruments.fineprint import make_warnings
from assay_nb.render.document import Block, Document, Heading, Paragraph, Table
from assay_nb.text.english import count

JUDGE_TOKENS = (1_000, 330)
"""In and out, for one judgement of one order."""

PROPOSAL_TOKENS = (3_000, 2_000)
"""In and out, for one critique, improvement or rewrite."""


def dollars(amount: float) -> str:
    """Return an amount in cents, or in smaller parts where it is less than a dollar: `$2.50`, `$0.0045`."""
    return f"${amount:.2f}" if amount == 0 or amount >= 1 else f"${amount:.4f}"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a run, as it is planned.

    Attributes:
        name: What it does.
        kind: The instrument.
        calls: Requests, without those that the cache answers.
        cost: Dollars; None where prices are not known.
        cached: Calls that were answered earlier, and cost nothing again.
        tokens: Tokens in and out, about; None where that was not worked out.
    """

    name: str
    kind: str
    calls: int
    cost: float | None
    cached: int = 0
    tokens: tuple[int, int] | None = None


@dataclass(frozen=True, repr=False)
class Plan(Shown):
    """What a run will take. Tokens by a rule of thumb, money by the installed price list.

    Attributes:
        steps: The steps, in order.
        title: What the run is called.
        notes: What to know of its prompts: placeholders that nothing fills.
    """

    schema: ClassVar[str] = "assay.plan.v1"

    steps: tuple[Step, ...]
    title: str = "Plan"
    provenance: Provenance = field(default_factory=Provenance)
    notes: tuple[str, ...] = ()

    @property
    def calls(self) -> int:
        """Requests over all steps."""
        return sum(step.calls for step in self.steps)

    @property
    def cached(self) -> int:
        """Calls that were answered earlier."""
        return sum(step.cached for step in self.steps)

    @property
    def cost(self) -> float | None:
        """Dollars over all steps; None where any step's is not known."""
        costs = [step.cost for step in self.steps if step.calls]
        return None if None in costs else sum(cost for cost in costs if cost is not None)

    @property
    def tokens(self) -> tuple[int, int] | None:
        """Tokens in and out over all steps; None where any step's are not known."""
        known = [step.tokens for step in self.steps if step.calls]
        if None in known:
            return None
        pairs = [pair for pair in known if pair is not None]
        return sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)

    def describe(self) -> str:
        """Return it as a sentence."""
        were = "was" if self.cached == 1 else "were"
        earlier = f" {self.cached:,} more {were} answered before." if self.cached else ""
        calls = f"About {count(self.calls, 'call')}"
        if self.cost is None:
            return f"{calls}; what they cost is not known here.{earlier}"
        return f"{calls} and {dollars(self.cost)}.{earlier}"

    def check(self, limits: Limits) -> None:
        """Raise `WrongUsage` where the limits do not cover the whole plan."""
        if limits.max_calls is not None and self.calls > limits.max_calls:
            raise WrongUsage(
                f"The run takes about {count(self.calls, 'call')}, and the limit is {limits.max_calls:,}. "
                "Nothing was sent.",
                hint="Raise the limit, or give it fewer rows.",
            )
        if limits.budget is None or not self.calls:
            return
        if self.cost is not None and (self.cost > limits.budget or limits.budget == 0):
            raise WrongUsage(
                f"The run costs about {dollars(self.cost)} ({count(self.calls, 'call')}), and the budget "
                f"is {dollars(limits.budget)}. Nothing was sent.",
                hint="Raise the budget, or give it fewer rows.",
            )

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "title": self.title,
            "calls": self.calls,
            "cached": self.cached,
            "tokens": _as_list(self.tokens),
            "cost": self.cost,
            "steps": [{**asdict(step), "tokens": _as_list(step.tokens)} for step in self.steps],
            "notes": list(self.notes),
        }

    def to_document(self) -> Document:
        return Document(tuple(_describe(self)))


def _as_list(tokens: tuple[int, int] | None) -> list[int] | None:
    return None if tokens is None else list(tokens)


def _describe(plan: Plan) -> Iterator[Block]:
    yield Heading(f"{plan.title}: what it would take")
    yield Paragraph([f"{plan.describe()} Nothing was sent."])
    yield from make_warnings(plan.notes)
    rows = [
        (
            step.name,
            f"{step.calls:,}",
            f"{step.cached:,}",
            *(f"{n:,}" for n in step.tokens or ()),
            *(() if step.tokens else ("–", "–")),
            "not known" if step.cost is None else dollars(step.cost),
        )
        for step in plan.steps
        if step.calls or step.cached
    ]
    if rows:
        yield Table(
            ("step", "calls", "answered before", "tokens in", "tokens out", "dollars"), rows
        )


def plan_step(
    name: str,
    kind: str,
    calls: int,
    target: Target,
    tokens: tuple[float, float],
    limits: Limits,
) -> Step:
    """Return a step of so many calls with these tokens in and out."""
    each = limits.price(target, *tokens)
    total = (round(tokens[0] * calls), round(tokens[1] * calls))
    return Step(name, kind, calls, None if each is None else each * calls, tokens=total)


def guess_tokens(texts: Sequence[str], options: Mapping[str, Any]) -> tuple[float, float]:
    """Return about how many tokens go in and out of a call, on average over these filled prompts."""
    size = sum(len(text) for text in texts) / max(1, len(texts))
    limit = options.get("max_output_tokens") or OUTPUT_GUESS
    return size / CHARACTERS_PER_TOKEN, min(OUTPUT_GUESS, limit)
