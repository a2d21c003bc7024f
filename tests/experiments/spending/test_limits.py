"""Limits: what they take, what they refuse, and that every run keeps them."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from assay_nb import Batch, WrongUsage, judge, measure, playground, to_gepa
from assay_nb.engine.call import Call
from assay_nb.errors import LimitReached
from assay_nb.experiments.calibration.judge_check import LabelledPair, check_judge
from assay_nb.experiments.calibration.self_check import check_self
from assay_nb.experiments.data.rows import read_rows
from assay_nb.experiments.grading.judged_rows import Judgements
from assay_nb.experiments.run.runner import Runner, make_call, make_runner
from assay_nb.experiments.run.target import Target
from assay_nb.experiments.spending.estimates import estimate_call
from assay_nb.experiments.spending.limits import Limits
from assay_nb.experiments.spending.plan import Plan
from assay_nb.experiments.suites.expectations import Case
from assay_nb.experiments.suites.file import Suite
from assay_nb.experiments.suites.run import run_suite
from tests.experiments.simulated import GAIN, OLD, Engine, Session, is_good, make_rows
from tests.instruments.driving import make_choice, make_critique, make_mark

NEW = f"{OLD} {GAIN}"
PROMPT = "Repeat: {{ticket}}"
LOCAL = "openai/some-local-model"
SUITE = Suite(
    name="tickets", prompt=PROMPT, cases=tuple(Case({"ticket": f"t{n}"}) for n in range(10))
)
PAIRS = [LabelledPair(f"Task {n}.", "good", "poor") for n in range(10)]


def make_target(endpoint: str = "https://api.openai.com/v1", model: str = "m") -> Target:
    return Target(
        workspace="w1", workspace_name="mine", provider="openai", model=model, endpoint=endpoint
    )


def tickets(count: int) -> list[dict[str, str]]:
    return [{"ticket": f"t{number}"} for number in range(count)]


def judge_alike(call: Call, request: Any) -> Any:
    one = make_mark("yes")
    pair = make_choice("tie")
    return pair if call.options.get("against") else one


@pytest.fixture
def echo(session: Session, engine: Engine) -> Engine:
    engine.task = lambda call: f"did {call.options['values']['ticket']}"
    engine.judge = judge_alike
    engine.propose = lambda call: make_critique()
    return engine


# --- what they take ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["budget", "price_in", "price_out"])
@pytest.mark.parametrize(
    "value", [-1, -0.01, float("nan"), float("inf"), -float("inf"), True, "5", 10**400, Decimal(1)]
)
def test_an_amount_that_is_none_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(WrongUsage, match=f"^{name} is an amount in dollars, 0 or more, and not "):
        Limits(**{name: value})


@pytest.mark.parametrize("name", ["max_calls", "limit", "sample", "concurrency"])
@pytest.mark.parametrize("value", [-1, 1.0, 2.5, float("nan"), True, "5", -(10**80)])
def test_a_count_that_is_none_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(WrongUsage, match=f"^{name} is a whole number "):
        Limits(**{name: value})


@pytest.mark.parametrize("value", [0, 257, 10**100])
def test_calls_at_once_are_from_1_to_256(value: int) -> None:
    assert Limits(concurrency=256).concurrency == 256
    with pytest.raises(WrongUsage, match="from 1 to 256"):
        Limits(concurrency=value)


@pytest.mark.parametrize("name", ["budget", "max_calls", "limit", "sample"])
def test_zero_is_a_limit_and_not_the_lack_of_one(name: str) -> None:
    assert getattr(Limits(**{name: 0}), name) == 0


def test_what_a_table_gives_as_numbers_is_taken_as_such() -> None:
    limits = Limits(budget=np.float32(1.5), max_calls=np.int64(3), price_in=Fraction(1, 2), price_out=1)  # type: ignore[arg-type]  # fmt: skip

    assert (limits.budget, limits.max_calls, limits.price_in) == (1.5, 3, 0.5)
    assert json.dumps([limits.max_calls, limits.budget]) == "[3, 1.5]"


def test_what_was_refused_is_never_repeated_where_it_may_be_a_key() -> None:
    with pytest.raises(WrongUsage) as caught:
        Limits(budget="not-for-the-screen")  # type: ignore[arg-type]

    assert "not-for-the-screen" not in str(caught.value)
    assert "not a str" in caught.value.message


@pytest.mark.parametrize("given", [{"price_in": 1.0}, {"price_out": 1.0}])
def test_half_a_price_is_refused(given: dict[str, float]) -> None:
    with pytest.raises(WrongUsage, match="two parts"):
        Limits(**given)  # type: ignore[arg-type]


def test_first_rows_and_a_sample_are_not_both_taken() -> None:
    with pytest.raises(WrongUsage, match="only one of the two"):
        Limits(limit=1, sample=1)


# --- which rows -------------------------------------------------------------------------------------


def test_a_limit_takes_the_first_rows() -> None:
    assert [row["ticket"] for row in Limits(limit=2).choose(read_rows(tickets(5)))] == ["t0", "t1"]


def test_a_sample_is_the_same_each_time_and_in_the_order_of_the_data() -> None:
    rows = read_rows(tickets(100))

    drawn, again = (Limits(sample=10).choose(rows) for _ in range(2))

    numbers = [drawn.number(index) for index in range(10)]
    assert list(drawn) == list(again)
    assert numbers == sorted(set(numbers))
    assert numbers != list(range(10))


def test_a_sample_larger_than_the_data_is_the_data() -> None:
    assert len(Limits(sample=9).choose(read_rows(tickets(3)))) == 3


def test_rows_of_a_sample_keep_their_number_in_the_data(echo: Engine) -> None:
    batch = playground(PROMPT, data=tickets(100), sample=3)

    assert isinstance(batch, Batch)
    for index, row in enumerate(batch.rows):
        assert row["ticket"] == f"t{batch.rows.number(index)}"
        assert f"did t{batch.rows.number(index)}" in repr(batch)


def test_a_sample_of_a_sample_keeps_the_numbers_of_the_data(echo: Engine) -> None:
    batch = playground(PROMPT, data=tickets(100), sample=10)
    assert isinstance(batch, Batch)

    judged = judge(PROMPT, batch, rubric="- Good.", limit=3)

    assert isinstance(judged, Judgements)
    assert [judged.rows.number(i) for i in range(3)] == [batch.rows.number(i) for i in range(3)]
    assert judged.outputs == tuple(batch.outputs[:3])


@pytest.mark.parametrize("name", ["limit", "sample"])
def test_no_rows_are_none_to_run(echo: Engine, name: str) -> None:
    with pytest.raises(WrongUsage, match="No row is left"):
        playground(PROMPT, data=tickets(3), **{name: 0})
    assert echo.calls == []


# --- prices -----------------------------------------------------------------------------------------


def test_a_known_price_comes_before_the_one_that_was_given() -> None:
    limits = Limits(price_in=1e6, price_out=1e6)
    known = make_target("https://api.anthropic.com", "claude-sonnet-4-6")
    known = Target(
        workspace="w1", workspace_name="mine", provider="anthropic", model=known.model,
        endpoint=known.endpoint,
    )  # fmt: skip

    assert limits.price(known, 10, 10) == known.price(10, 10) != None  # noqa: E711
    assert limits.price(make_target(), 2, 3) == 5.0


def test_the_practice_provider_costs_nothing() -> None:
    practice = make_target("http://127.0.0.1:8000/practice/openai/v1")

    Limits(budget=1.0).check_prices([practice])

    assert Limits().price(practice, 1e6, 1e6) == 0.0


RUNS: dict[str, Callable[[Session, dict[str, Any]], Any]] = {
    "playground": lambda session, limits: playground(
        PROMPT, data=tickets(9), model=LOCAL, **limits
    ),
    "beside": lambda session, limits: playground(PROMPT, {"ticket": "t"}, beside_model=LOCAL, **limits),
    "measure": lambda session, limits: measure(
        OLD, NEW, make_rows(40), is_good, model=LOCAL, **limits
    ),
    "measure, judged": lambda session, limits: measure(
        OLD, NEW, make_rows(40), judge_model=LOCAL, **limits
    ),
    "gepa": lambda session, limits: to_gepa(OLD, make_rows(40), is_good, model=LOCAL, **limits),
    "gepa, reflecting": lambda session, limits: to_gepa(
        OLD, make_rows(40), is_good, reflection_model=LOCAL, **limits
    ),
    "suite": lambda session, limits: run_suite(
        session, SUITE, model=LOCAL, runner=make_runner(session, **limits)
    ),
    "suite, judged": lambda session, limits: run_suite(
        session,
        Suite(name="s", prompt=PROMPT, cases=SUITE.cases, rubric="- Good."),
        judge_model=LOCAL,
        runner=make_runner(session, **limits),
    ),
    "judge-check": lambda session, limits: check_judge(
        session, PAIRS, model=LOCAL, runner=make_runner(session, **limits)
    ),
    "selfcheck": lambda session, limits: check_self(
        session, model=LOCAL, runner=make_runner(session, **limits)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_a_budget_is_refused_before_anything_is_sent_where_a_price_is_not_known(
    session: Session, echo: Engine, name: str
) -> None:
    with pytest.raises(WrongUsage, match=f"The price of {LOCAL} is not known here") as caught:
        RUNS[name](session, {"budget": 5.0})

    assert echo.calls == []
    assert "--price-in" in (caught.value.hint or "")
    assert "--max-calls" in (caught.value.hint or "")


def test_a_table_is_judged_for_a_budget_only_by_a_judge_whose_price_is_known(echo: Engine) -> None:
    batch = playground(PROMPT, data=tickets(3))
    assert isinstance(batch, Batch)
    echo.calls.clear()

    with pytest.raises(WrongUsage, match=f"The price of {LOCAL} is not known here"):
        judge(PROMPT, batch, model=LOCAL, budget=1.0)
    assert echo.calls == []


def test_a_price_that_was_given_keeps_the_budget(echo: Engine) -> None:
    echo.price = None  # 100 tokens in and 10 out, as the provider counts them

    batch = playground(
        PROMPT, data=tickets(9), model=LOCAL, budget=0.5, price_in=1_000, price_out=5_000
    )

    assert isinstance(batch, Batch)
    assert (batch.stopped, echo.count("playground")) == ("budget", 0)  # 300 tokens out are $1.50
    batch = playground(
        PROMPT, data=tickets(9), model=LOCAL, budget=1.6, price_in=1_000, price_out=5_000
    )
    assert isinstance(batch, Batch)
    assert batch.provenance.cost == pytest.approx(0.15)


# --- every run keeps them ---------------------------------------------------------------------------


@pytest.mark.parametrize("limits", [{"budget": 0.0}, {"max_calls": 0}])
@pytest.mark.parametrize("name", ["playground", "judge", "suite", "judge-check", "selfcheck", "measure"])  # fmt: skip
def test_a_limit_of_nothing_sends_nothing(
    session: Session, echo: Engine, name: str, limits: dict[str, Any]
) -> None:
    batch = playground(PROMPT, data=tickets(10))
    echo.calls.clear()
    runner = make_runner(session, fresh=True, **limits)
    runs: dict[str, Callable[[], Any]] = {
        "playground": lambda: playground(PROMPT, data=tickets(10), fresh=True, **limits),
        "judge": lambda: judge(PROMPT, batch, rubric="- Good.", **limits),  # type: ignore[arg-type]
        "suite": lambda: run_suite(session, SUITE, runner=runner),
        "judge-check": lambda: check_judge(session, PAIRS, rubric="- Good.", runner=runner),
        "selfcheck": lambda: check_self(session, runner=runner),
        "measure": lambda: measure(OLD, NEW, make_rows(40), is_good, **limits),
    }

    try:
        runs[name]()
    except WrongUsage as error:
        assert "Nothing was sent" in error.message  # noqa: PT017

    assert echo.calls == []


@pytest.mark.parametrize("limits", [{"budget": 0.0}, {"max_calls": 0}])
def test_with_a_limit_of_nothing_earlier_answers_are_shown(
    echo: Engine, limits: dict[str, Any]
) -> None:
    playground(PROMPT, data=tickets(6)[3:])
    echo.calls.clear()

    batch = playground(PROMPT, data=tickets(6), **limits)

    assert isinstance(batch, Batch)
    assert batch.outputs == [None, None, None, "did t3", "did t4", "did t5"]
    assert (batch.stopped, echo.calls) == ("budget", [])


def test_a_run_that_ends_at_its_limit_has_done_its_first_rows(echo: Engine) -> None:
    echo.delay = 0.001

    batch = playground(PROMPT, data=tickets(40), max_calls=10, concurrency=4)

    assert isinstance(batch, Batch)
    assert [output is not None for output in batch.outputs] == [True] * 10 + [False] * 30


def test_a_dear_call_is_found_out_before_a_second_one_is_sent(echo: Engine) -> None:
    echo.price, echo.delay = 1.0, 0.001

    batch = playground(PROMPT, data=tickets(40), budget=1.5, concurrency=32)

    assert isinstance(batch, Batch)
    assert (batch.stopped, echo.count("playground")) == ("budget", 1)


def test_calls_run_side_by_side_on_a_budget_that_covers_them(echo: Engine) -> None:
    echo.delay = 0.005

    playground(PROMPT, data=tickets(40), budget=100.0, concurrency=8)

    assert echo.most_at_once == 8


def test_a_suite_that_the_limits_do_not_cover_is_refused_before_it_begins(
    session: Session, echo: Engine
) -> None:
    with pytest.raises(WrongUsage, match="about 20 calls, and the limit is 19"):
        run_suite(
            session, SUITE, against=f"Now {PROMPT}", runner=make_runner(session, max_calls=19)
        )
    assert echo.calls == []


def test_a_suite_played_twice_and_judged_twice_stays_within_one_limit(
    session: Session, echo: Engine
) -> None:
    suite = Suite(name="s", prompt=PROMPT, cases=SUITE.cases, rubric="- Good.")
    runner = make_runner(session, max_calls=40)

    run_suite(session, suite, against=f"Now {PROMPT}", runner=runner)

    assert (len(echo.calls), runner.purse.left.max_calls) == (40, 0)


def test_a_suite_with_a_judge_and_no_rubric_for_it_is_refused(
    session: Session, echo: Engine
) -> None:
    with pytest.raises(WrongUsage, match="has no rubric"):
        run_suite(session, SUITE, judge_model="openai/gpt-6.2-sol")
    assert echo.calls == []


def test_gepas_search_ends_at_the_limit_with_reflection_counted(echo: Engine) -> None:
    pytest.importorskip("gepa", reason="GEPA is in the group `test`")
    echo.task = lambda call: "bad"
    task = to_gepa(OLD, make_rows(60), is_good, max_calls=4)
    task.arguments["adapter"].evaluate(task.arguments["trainset"][:3], {"prompt": OLD})
    task.arguments["reflection_lm"]("Write a better one.")

    with pytest.raises(LimitReached, match="after 4 calls and"):
        task.arguments["reflection_lm"]("Write a better one.")
    assert len(echo.calls) == 4


def test_the_test_of_what_gepa_found_has_what_the_search_left(echo: Engine) -> None:
    pytest.importorskip("gepa", reason="GEPA is in the group `test`")
    echo.task = lambda call: "bad"
    task = to_gepa(OLD, make_rows(60), is_good, max_calls=50)
    task.arguments["reflection_lm"]("Write a better one.")

    with pytest.raises(WrongUsage, match="and the limit is 49"):
        task.measure({"prompt": NEW})


# --- estimates --------------------------------------------------------------------------------------


def estimate(instrument: str, prompt: str, **options: Any) -> Any:
    call = make_call(instrument, prompt, make_target(), **options)
    return estimate_call(call, make_target(), Limits(price_in=1e6, price_out=1e6))


def test_a_reply_is_likely_to_stay_below_its_ceiling_and_at_most_reaches_it() -> None:
    found = estimate("playground", "word", max_output_tokens=50)

    assert (found.likely, found.most) == (1 + 50, 4 + 50)


def test_a_value_counts_as_often_as_the_prompt_names_it() -> None:
    once, thrice = (
        estimate("playground", "{{x}}" * times, values={"x": "a" * 400}, max_output_tokens=1)
        for times in (1, 3)
    )

    assert (once.tokens[0], thrice.tokens[0]) == (100, 300)


def test_a_rubric_counts_with_what_the_judge_is_sent() -> None:
    short, long = (
        estimate("judge", "task", output="o", rubric=[{"id": "c1", "text": "a" * size}])
        for size in (1, 4_001)
    )

    assert long.tokens[0] - short.tokens[0] == 1_000


def test_at_most_a_byte_is_a_token() -> None:
    assert estimate("playground", "é" * 10, max_output_tokens=1).most == 21


def test_at_most_a_reply_that_has_to_fit_a_schema_is_asked_for_twice() -> None:
    found = estimate("judge", "task", output="o", max_output_tokens=100)

    assert found.most >= 2 * 100 + 100  # two replies, the first of which is sent back


def test_a_bench_without_limits_has_none(session: Session) -> None:
    assert Runner(session).limits == Limits()  # type: ignore[arg-type]


# --- dry runs ---------------------------------------------------------------------------------------


def test_a_dry_run_tells_what_was_answered_before(echo: Engine) -> None:
    playground(PROMPT, data=tickets(4))
    echo.calls.clear()

    plan = playground(PROMPT, data=tickets(10), limit=6, dry_run=True)

    assert isinstance(plan, Plan)
    assert (plan.calls, plan.cached, echo.calls) == (2, 4, [])
    assert "About 2 calls" in repr(plan)
    assert "4 more were answered before" in repr(plan)


def test_a_dry_run_of_a_measurement_tells_what_was_answered_before(echo: Engine) -> None:
    echo.task = lambda call: "good"
    rows = make_rows(30)
    measure(OLD, NEW, rows, is_good)
    echo.calls.clear()

    again = measure(OLD, NEW, rows, is_good, dry_run=True)
    more = measure(OLD, NEW, make_rows(35), is_good, dry_run=True)

    assert isinstance(again, Plan)
    assert isinstance(more, Plan)
    assert (again.calls, again.cached) == (0, 72)  # twelve rows again for noise, and both prompts
    assert more.calls > 0
    assert echo.calls == []


def test_tables_of_different_rows_are_not_compared(echo: Engine) -> None:
    first, drawn, alike = (
        playground(PROMPT, data=tickets(90), **rows)
        for rows in ({"limit": 5}, {"sample": 5}, {"limit": 5})
    )
    echo.calls.clear()

    with pytest.raises(WrongUsage, match="of different rows"):
        judge(PROMPT, first, against=drawn)
    assert echo.calls == []
    assert isinstance(judge(PROMPT, first, against=alike, rubric="- Good."), Judgements)
