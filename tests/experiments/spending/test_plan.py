"""A plan: what it says, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from assay_nb import WrongUsage
from assay_nb.experiments.spending.limits import Limits
from assay_nb.experiments.spending.plan import Plan, Step, dollars
from assay_nb.render.bundle import plain

STEP = Step("rows", "playground", 10, 0.5, cached=3, tokens=(1_000, 200))
PLAN = Plan((STEP, replace(STEP, name="judging", calls=1, cost=0.75, cached=0)), "Playground")
UNPRICED = Plan((STEP, replace(STEP, cost=None)))


def test_a_plan_adds_up_its_steps() -> None:
    assert (PLAN.calls, PLAN.cached, PLAN.cost, PLAN.tokens) == (11, 3, 1.25, (2_000, 400))


def test_one_price_that_is_not_known_leaves_the_whole_unknown() -> None:
    assert (UNPRICED.cost, UNPRICED.calls) == (None, 20)
    assert "20 calls; what they cost is not known here." in UNPRICED.describe()


def test_a_step_without_calls_costs_nothing_whatever_its_price() -> None:
    done = replace(STEP, calls=0, cost=None)

    assert Plan((STEP, done)).cost == 0.5


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (PLAN, "About 11 calls and $1.25. 3 more were answered before."),
        (Plan((replace(STEP, calls=1, cached=1),)), "About 1 call and $0.5000. 1 more was answered before."),
        (Plan((replace(STEP, cached=0, cost=0.0),)), "About 10 calls and $0.00."),
    ],
)  # fmt: skip
def test_a_plan_is_a_sentence(plan: Plan, said: str) -> None:
    assert plan.describe() == said


@pytest.mark.parametrize(
    ("amount", "said"),
    [(0, "$0.00"), (0.004, "$0.0040"), (0.35, "$0.3500"), (1, "$1.00"), (1234.5, "$1234.50")],
)
def test_what_is_less_than_a_dollar_is_told_in_parts_of_a_cent(amount: float, said: str) -> None:
    assert dollars(amount) == said


@pytest.mark.parametrize(
    "limits", [{}, {"budget": 1.25}, {"max_calls": 11}, {"budget": 2, "max_calls": 12}]
)
def test_limits_that_cover_a_plan_let_it_run(limits: dict[str, float]) -> None:
    PLAN.check(Limits.of(**limits))


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"budget": 1.24}, "The run costs about $1.25 (11 calls), and the budget is $1.24."),
        ({"budget": 0}, "The run costs about $1.25 (11 calls), and the budget is $0.00."),
        ({"max_calls": 10}, "The run takes about 11 calls, and the limit is 10."),
    ],
)
def test_limits_that_do_not_cover_it_refuse_it_with_both_figures(
    limits: dict[str, float], said: str
) -> None:
    with pytest.raises(WrongUsage) as caught:
        PLAN.check(Limits.of(**limits))

    assert caught.value.message == f"{said} Nothing was sent."


def test_what_is_all_answered_before_runs_on_nothing() -> None:
    Plan((replace(STEP, calls=0, cost=0.0),)).check(Limits(budget=0, max_calls=0))


def test_a_budget_of_nothing_lets_no_call_be_made_though_it_is_free() -> None:
    with pytest.raises(WrongUsage, match="Nothing was sent"):
        Plan((replace(STEP, cost=0.0),)).check(Limits(budget=0))


def test_a_plan_is_the_same_after_the_way_through_json() -> None:
    told = PLAN.to_dict()

    assert json.loads(json.dumps(told)) == told
    assert told["steps"][0]["tokens"] == [1_000, 200]


def test_a_plan_shows_each_step_that_there_is_something_to() -> None:
    idle = replace(STEP, name="nothing to do", calls=0, cached=0)

    shown = plain(Plan((*PLAN.steps, idle), "Suite").to_document())

    assert "Suite: what it would take" in shown
    assert "judging" in shown
    assert "nothing to do" not in shown
