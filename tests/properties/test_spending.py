"""What a run spends stays within its limits, whatever calls cost, however long they take, however they fail.

What holds, of the costs that are known and of those that are not at their estimate:

- requests that arrive at the provider never exceed `max_calls`, retries and repairs included;
- dollars never exceed the budget by more than what a single call, sent while no other was under way, cost
  beyond what was likely, as long as no call costs more than the most that was estimated;
- every call is answered, or the run says that the limits did not cover it, and it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_nb.engine.call import Call, OnWait
from assay_nb.errors import (
    BROKEN_OFF,
    UNREACHED,
    AssayError,
    BadReply,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from assay_nb.experiments.run.jobs import Job, JobResult
from assay_nb.experiments.run.pace import Pause
from assay_nb.experiments.run.runner import make_call
from assay_nb.experiments.run.target import Target
from assay_nb.experiments.run.workers import Came, stream_answers
from assay_nb.experiments.spending.budget import Budget, Hold, OverBudget
from assay_nb.experiments.spending.estimates import Estimate, estimate_call
from assay_nb.experiments.spending.limits import Limits
from assay_nb.instruments.base import Provenance
from assay_nb.instruments.playground import Run
from assay_nb.messages import Usage
from tests.experiments.simulated import Hours

TARGET = Target(
    workspace="w1", workspace_name="mine", provider="openai", model="own", endpoint="http://own/v1"
)
FAILURES: dict[str, Callable[[], ProviderError]] = {
    "429": lambda: RateLimited("Too many.", status=429),
    "500": lambda: ProviderUnavailable("Down.", status=500),
    "400": lambda: ProviderError("Too long.", status=400),
    "closed": lambda: ProviderUnavailable("It was closed.", status=200, reason=BROKEN_OFF),
    "cut": lambda: BadReply("It was cut.", status=200, stop="incomplete"),
    "gone": lambda: ProviderUnavailable("It is gone.", reason=UNREACHED),
    "in a minute": lambda: RateLimited("Too many.", status=429, retry_after=40.0),
    "broken": lambda: ProviderUnavailable("It broke off.", status=None),
    "no connection": lambda: ProviderUnavailable("Nobody is there.", status=None),
    "bad reply": lambda: BadReply("It does not fit."),
}
UNKNOWN_COST = frozenset({"broken", "closed", "cut", "gone", "no connection", "bad reply"})
"""Failures of which nobody says what they cost."""


@dataclass(frozen=True)
class Fate:
    """What becomes of one call.

    Attributes:
        share: What it costs, as a share of the most that was estimated.
        wait: Turns of the loop that it takes.
        more: Requests that it takes beyond the first: retries and repairs.
        failure: How it fails; None where it is answered.
    """

    share: float
    wait: int
    more: int
    failure: str | None


@dataclass(frozen=True)
class Case:
    limits: Limits
    kinds: tuple[str, ...]
    fates: tuple[Fate, ...]


FATES = st.builds(
    Fate,
    share=st.floats(0, 1) | st.sampled_from([0.0, 0.02, 0.2, 1.0]),
    wait=st.integers(0, 5),
    more=st.integers(0, 4),
    failure=st.sampled_from([None, None, *sorted(FAILURES)]),
)
LIMITS = st.builds(
    Limits,
    concurrency=st.sampled_from([1, 2, 8, 32]),
    price_in=st.sampled_from([0.0, 15.0]),
    price_out=st.sampled_from([0.6, 75.0]),
)
COVERED = st.floats(0, 1.5) | st.sampled_from([0.0, 0.1, 0.3, 0.5])
KINDS = st.sampled_from(["playground", "playground", "critique"])


@st.composite
def cases(draw: st.DrawFn, *, bound: str = "either") -> Case:
    """Return calls, and limits that cover none of what they are likely to take, some, or all."""
    fates = tuple(draw(st.lists(FATES, min_size=1, max_size=40)))
    kinds, limits = tuple(draw(KINDS) for _ in fates), draw(LIMITS)
    jobs = make_jobs(kinds)
    likely = [estimate_call(job.call, TARGET, limits, job.requests).likely or 0.0 for job in jobs]
    budget = draw(COVERED) * sum(likely)
    calls = round(draw(COVERED) * sum(job.requests for job in jobs))
    if bound == "either":
        bound = draw(st.sampled_from(["budget", "max_calls", "both"]))
    return Case(
        replace(
            limits,
            budget=None if bound == "max_calls" else budget,
            max_calls=None if bound == "budget" else calls,
        ),
        kinds,
        fates,
    )


def make_jobs(kinds: Sequence[str]) -> list[Job]:
    """Return a call of each kind; every other one takes two requests."""
    calls = [
        make_call(kind, f"Row {n}", TARGET, max_output_tokens=2_000) for n, kind in enumerate(kinds)
    ]
    return [Job(call, n, requests=1 + n % 2, target=TARGET) for n, call in enumerate(calls)]


@dataclass
class Provider:
    """Answers calls as their fate has it, and keeps the true account.

    Attributes:
        arrived: Requests that came.
        spent: Dollars: what replies cost, and what was likely where nobody will ever know.
        beyond: The most that a call which began alone cost beyond what was likely.
    """

    case: Case
    arrived: int = 0
    now: int = 0
    most_at_once: int = 0
    spent: float = 0.0
    beyond: float = 0.0

    def __post_init__(self) -> None:
        self.jobs = make_jobs(self.case.kinds)

    async def ask(self, call: Call, on_wait: OnWait | None = None) -> Any:
        number = int(call.prompt.removeprefix("Row "))
        fate, job = self.case.fates[number], self.jobs[number]
        made = job.requests + fate.more
        made = made if call.max_requests is None else min(made, call.max_requests)
        self.arrived += made
        self.now += 1
        alone = self.now == 1
        self.most_at_once = max(self.most_at_once, self.now)
        try:
            for _ in range(fate.wait):
                await asyncio.sleep(0)
        finally:
            self.now -= 1
        return self._end(job, fate, made, alone=alone)

    def _end(self, job: Job, fate: Fate, made: int, *, alone: bool) -> Run:
        estimate = self._estimate(job)
        if fate.failure is not None:
            if fate.failure in UNKNOWN_COST:
                self.spent += estimate.likely or 0.0
            raise FAILURES[fate.failure]()
        tokens = self._tokens(job, fate)
        cost = self.case.limits.price(TARGET, *tokens) or 0.0
        self.spent += cost
        if alone:
            self.beyond = max(self.beyond, cost - (estimate.likely or 0.0))
        source = Provenance(usage=Usage(*tokens), requests=made)
        return Run(job.call.prompt, "fine", {}, provenance=source)

    def _tokens(self, job: Job, fate: Fate) -> tuple[int, int]:
        """Return tokens in and out that cost this share of the most."""
        each = Limits(price_in=1e6, price_out=0), Limits(price_in=0, price_out=1e6)
        most = [estimate_call(job.call, TARGET, one, job.requests).most or 0.0 for one in each]
        return int(most[0] * fate.share), int(most[1] * fate.share)

    def _estimate(self, job: Job) -> Estimate:
        return estimate_call(job.call, TARGET, self.case.limits, job.requests)


@dataclass
class Outcome:
    answers: dict[int, JobResult] = field(default_factory=dict[int, JobResult])
    over: bool = False
    failed: bool = False


async def run(case: Case, purse: Budget) -> tuple[Provider, Outcome]:
    provider, outcome = Provider(case), Outcome()
    jobs, at_once = provider.jobs, case.limits.concurrency

    async def read() -> None:
        stream: AsyncIterator[Came]
        stream = stream_answers(
            jobs, provider.ask, purse=purse, concurrency=at_once, clock=Hours().clock
        )
        async for came in stream:
            if not isinstance(came, Pause):
                assert came[0].tag not in outcome.answers
                outcome.answers[came[0].tag] = came[1]

    try:
        await asyncio.wait_for(read(), 20)  # one who waits for good would be told
    except OverBudget:
        outcome.over = True
    except AssayError:
        outcome.failed = True
    return provider, outcome


def check_spending(case: Case, purse: Budget) -> None:
    provider, _ = asyncio.run(run(case, purse))
    limits = case.limits
    assert limits.max_calls is None or provider.arrived <= limits.max_calls
    assert provider.most_at_once <= limits.concurrency
    if limits.budget is not None:
        assert provider.spent <= limits.budget + max(0.0, provider.beyond) + 1e-9
    if limits.budget == 0:
        assert provider.arrived == 0


@pytest.mark.slow
@given(cases(bound="budget"))
def test_what_is_spent_exceeds_the_budget_by_no_more_than_one_surprise(case: Case) -> None:
    check_spending(case, Budget(case.limits))


@pytest.mark.slow
@given(cases(bound="max_calls"), st.booleans())
def test_no_more_requests_arrive_than_the_limit_on_calls(case: Case, planned: bool) -> None:
    purse = Budget(case.limits)
    purse.expected = sum(job.requests for job in make_jobs(case.kinds)) if planned else 0

    check_spending(case, purse)


@pytest.mark.slow
@given(cases())
def test_every_call_is_answered_or_the_run_says_why_not(case: Case) -> None:
    purse = Budget(case.limits)

    _, outcome = asyncio.run(run(case, purse))

    assert len(outcome.answers) == len(case.fates) or outcome.over or outcome.failed
    assert not purse._queue
    assert purse._under_way == 0


class Unreserved(Budget):
    """A purse that reserves what was seen: nothing, until the first calls are back."""

    __slots__ = ()

    def _covers(self, hold: Hold) -> bool:
        budget = self.limits.budget
        return budget is None or self.spent + len(self._most) * self._seen(hold) <= budget

    def _seen(self, hold: Hold) -> float:
        return self._dearest.get(hold.kind, 0.0)


def test_a_purse_that_reserves_nothing_for_the_first_calls_breaks_it() -> None:
    """Positive control: 32 calls at once that cost about a dollar, on a budget of one and a half."""
    fate = Fate(share=1.0, wait=2, more=0, failure=None)
    limits = Limits(budget=1.5, concurrency=32, price_in=0, price_out=5_000)
    case = Case(limits, ("playground",) * 32, (fate,) * 32)

    check_spending(case, Budget(limits))
    with pytest.raises(AssertionError):
        check_spending(case, Unreserved(limits))
