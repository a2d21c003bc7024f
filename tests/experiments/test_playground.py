from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from assay_nb import (
    Batch,
    ProviderAuthError,
    ProviderUnavailable,
    RateLimited,
    Run,
    SideBySide,
    WrongUsage,
    aplayground,
    judge,
    playground,
)
from assay_nb.engine.call import Call
from assay_nb.engine.session import current_session
from assay_nb.experiments.playground import prepare
from assay_nb.experiments.run.progress import Progress
from assay_nb.experiments.spending.plan import Plan
from tests.canaries import make_canary
from tests.experiments.simulated import Engine, Session
from tests.fakes.providers import Answer, FakeProviders
from tests.kernel.stage import Stage
from tests.tools import wait_until

PROMPT = "Repeat: {{ticket}}"


def make_rows(count: int) -> list[dict[str, Any]]:
    return [{"ticket": f"t{number}"} for number in range(count)]


@pytest.fixture
def echo(session: Session, engine: Engine) -> Engine:
    engine.task = lambda call: f"did {call.options['values']['ticket']}"
    return engine


# --- over rows --------------------------------------------------------------------------------------


def test_each_row_gets_its_own_output_in_order(echo: Engine) -> None:
    batch = playground(PROMPT, data=make_rows(30), concurrency=7)

    assert isinstance(batch, Batch)
    assert batch.outputs == [f"did t{number}" for number in range(30)]


def test_a_frame_comes_back_with_outputs_cost_and_latency(echo: Engine) -> None:
    frame = pd.DataFrame(make_rows(3), index=[5, 6, 7])

    result = playground(PROMPT, data=frame)

    assert isinstance(result, Batch)
    added = ["output", "stop", "cost", "seconds", "error"]
    assert list(result.frame.columns) == ["ticket", *added]
    assert list(result.frame.index) == [5, 6, 7]


def test_no_more_calls_are_under_way_than_allowed(echo: Engine) -> None:
    echo.delay = 0.01

    playground(PROMPT, data=make_rows(40), concurrency=5)

    assert echo.most_at_once == 5


def test_rows_that_are_done_are_not_paid_for_again(echo: Engine) -> None:
    playground(PROMPT, data=make_rows(10))

    again = playground(PROMPT, data=make_rows(15))

    assert len(echo.calls) == 15
    assert (again.provenance.requests, again.provenance.cost) == (5, 0.005)


def test_another_column_does_not_make_a_row_another_call(echo: Engine) -> None:
    playground(PROMPT, data=make_rows(5))

    playground(PROMPT, data=[{**row, "label": 1} for row in make_rows(5)])

    assert len(echo.calls) == 5


@pytest.mark.parametrize(
    "change", [{"model": "openai/gpt-6.2-sol"}, {"temperature": 0.5}, {"system": "Be kind."}]
)
def test_whatever_changes_an_answer_is_asked_anew(echo: Engine, change: dict[str, Any]) -> None:
    playground(PROMPT, data=make_rows(5))

    playground(PROMPT, data=make_rows(5), **change)

    assert len(echo.calls) == 10


def test_equal_rows_are_asked_each_for_itself(echo: Engine) -> None:
    playground(PROMPT, data=[{"ticket": "same"}] * 4)

    assert len(echo.calls) == 4


def test_fresh_asks_again(echo: Engine) -> None:
    playground(PROMPT, data=make_rows(5))

    playground(PROMPT, data=make_rows(5), fresh=True)

    assert len(echo.calls) == 10


def test_a_row_that_fails_does_not_stop_the_others_and_is_tried_again(
    echo: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def task(call: Call) -> str:
        if call.options["values"]["ticket"] == "t3":
            raise RateLimited("Too many requests.", status=429)
        return "fine"

    echo.task = task
    batch = playground(PROMPT, data=make_rows(6))
    echo.task = lambda call: "fine"
    again = playground(PROMPT, data=make_rows(6))

    assert isinstance(batch, Batch)
    assert isinstance(again, Batch)
    assert (batch.failed, batch.outputs[3], again.failed) == ((3,), None, ())


def test_what_hits_every_row_ends_the_run_at_once(echo: Engine) -> None:
    def task(call: Call) -> str:
        raise ProviderAuthError("The key is not accepted.", status=401)

    echo.task = task

    with pytest.raises(ProviderAuthError):
        playground(PROMPT, data=make_rows(500), concurrency=4)

    assert len(echo.calls) <= 8


def test_a_provider_that_is_down_is_not_asked_a_thousand_times(echo: Engine) -> None:
    def task(call: Call) -> str:
        raise RateLimited("Too many requests.", status=429)

    echo.task = task

    with pytest.raises(RateLimited):
        playground(PROMPT, data=make_rows(1000), concurrency=4)

    assert len(echo.calls) < 20


def test_the_budget_keeps_what_it_paid_for(echo: Engine) -> None:
    echo.price = 0.01

    batch = playground(PROMPT, data=make_rows(50), budget=0.1, concurrency=1)

    assert isinstance(batch, Batch)
    assert (batch.done, batch.stopped) == (10, "budget")


def test_a_budget_that_was_used_up_goes_on_with_a_larger_one(echo: Engine) -> None:
    echo.price = 0.01
    playground(PROMPT, data=make_rows(20), budget=0.1, concurrency=1)

    batch = playground(PROMPT, data=make_rows(20), budget=0.1, concurrency=1)

    assert isinstance(batch, Batch)
    assert (batch.done, len(echo.calls)) == (20, 20)


def test_progress_knows_how_many_there_are(echo: Engine) -> None:
    seen: list[Progress] = []

    playground(PROMPT, data=make_rows(4), on_progress=seen.append)

    assert [(one.done, one.total) for one in seen] == [(n, 4) for n in range(5)]


def test_an_executor_makes_the_calls(echo: Engine) -> None:
    with ThreadPoolExecutor(2, thread_name_prefix="worker") as executor:
        threads: set[str] = set()
        submit = executor.submit

        def watched(function: Any, *args: Any) -> Any:
            return submit(
                lambda: (threads.add(threading.current_thread().name), function(*args))[1]
            )

        executor.submit = watched  # type: ignore[method-assign]
        batch = playground(PROMPT, data=make_rows(6), executor=executor)

    assert isinstance(batch, Batch)
    assert batch.done == 6
    assert all(name.startswith("worker") for name in threads)


async def _later() -> Any:
    return await aplayground(PROMPT, data=make_rows(5))


def test_the_async_twin_gives_the_same(echo: Engine) -> None:
    import asyncio

    batch = asyncio.run(_later())

    assert batch.outputs == [f"did t{number}" for number in range(5)]


def test_a_batch_survives_the_way_through_json(echo: Engine) -> None:
    batch = playground(PROMPT, data=make_rows(3))

    assert Batch.from_dict(json.loads(json.dumps(batch.to_dict()))).to_dict() == batch.to_dict()


@pytest.mark.parametrize("count", [0, -1, 1000, True, 2.5])
def test_a_concurrency_that_makes_no_sense_is_refused(echo: Engine, count: Any) -> None:
    with pytest.raises(WrongUsage):
        playground(PROMPT, data=make_rows(3), concurrency=count)


# --- rows with nothing in them, and what is sent of the others ----------------------------------------

GAPS = [
    {"ticket": "t0"},
    {"ticket": float("nan")},
    {"ticket": "t2"},
    {"ticket": None},
    {"ticket": " "},
]


def test_rows_with_an_empty_value_are_left_out_and_named(echo: Engine) -> None:
    batch = playground(PROMPT, data=GAPS)

    assert isinstance(batch, Batch)
    assert batch.outputs == ["did t0", None, "did t2", None, None]
    assert batch.ends == {"whole": 2, "not sent": 3}
    assert "Rows 1, 3 and 4 were left out: {{ticket}} is empty." in " ".join(repr(batch).split())
    assert len(echo.calls) == 2


def test_rows_with_an_empty_value_are_sent_where_that_was_asked_for(echo: Engine) -> None:
    batch = playground(PROMPT, data=GAPS, keep_empty=True)

    assert isinstance(batch, Batch)
    assert batch.outputs == ["did t0", "did ", "did t2", "did ", "did  "]


def test_rows_that_cannot_be_sent_are_named_before_the_first_is(echo: Engine) -> None:
    seen: list[tuple[str, int]] = []  # the calls run on a thread of their own meanwhile
    rows = [*GAPS[:2], {"ticket": make_canary("openai")}]

    playground(PROMPT, data=rows, on_progress=lambda now: seen.append((now.step, now.done)))

    told, done = seen[0]
    assert done == 0
    assert "Row 1 was left out" in told
    assert "Row 2 was left out: Column 'ticket' holds something shaped like" in told


def test_data_of_which_no_row_can_be_sent_is_refused(echo: Engine) -> None:
    with pytest.raises(WrongUsage, match="None of the 2 rows can be sent") as caught:
        playground(PROMPT, data=[{"ticket": ""}, {"ticket": make_canary("anthropic")}])

    assert caught.value.hint
    assert echo.calls == []


@pytest.mark.parametrize(
    ("value", "sent"),
    [(3.0, "3.0"), (0, "0"), (pd.Timestamp("2026-02-01"), "2026-02-01 00:00:00"), ("nan", "nan")],
)
def test_a_table_shows_a_value_as_it_was_sent(echo: Engine, value: Any, sent: str) -> None:
    batch = playground(PROMPT, data=pd.DataFrame({"ticket": [value]}))

    assert echo.calls[0].options["values"] == {"ticket": sent}
    assert f"0    {sent}" in repr(batch)


@pytest.mark.parametrize("value", [None, float("nan"), pd.NaT, pd.NA], ids=repr)
def test_a_table_shows_nothing_where_nothing_was_sent(echo: Engine, value: Any) -> None:
    batch = playground(PROMPT, data=[{"ticket": value}], keep_empty=True)

    assert echo.calls[0].options["values"] == {"ticket": ""}
    assert not any(word in repr(batch) for word in ("nan", "None", "NaT", "<NA>"))


def test_a_frame_in_a_variable_is_sent_whole(echo: Engine) -> None:
    echo.task = lambda call: call.options["values"]["df"]
    frame = pd.DataFrame({"n": range(300)})

    run = playground("Add up {{df}}", {"df": frame})

    assert isinstance(run, Run)
    assert run.output == frame.to_csv(index=False)


# --- placeholders that nothing fills ------------------------------------------------------------------

MIXED = "Billing or shipping: {{ticket}}? Not {label}."
LABELLED = [{"ticket": "<t0>", "label": "billing"}, {"ticket": "<t1>", "label": "shipping"}]
NOTE = "`{label}` is sent as it stands: write `{{label}}` to put the column there."


def test_a_placeholder_that_is_sent_is_named_before_the_first_request(stage: Stage) -> None:
    stage.fake.answers("fine")
    session = current_session()
    playing = prepare(session, MIXED, None, data=LABELLED)

    async def begin() -> tuple[Progress, int]:
        stream = playing.stream()
        first = await anext(stream), len(stage.fake.calls)
        async for _ in stream:
            pass
        return first

    first, sent = session.portal.call(begin)

    assert (first.step, sent) == (NOTE, 0)
    assert len(stage.fake.calls) == 2


def test_a_placeholder_that_was_sent_is_named_with_the_result(echo: Engine) -> None:
    batch = playground(MIXED, data=LABELLED)

    assert isinstance(batch, Batch)
    assert batch.notes == (NOTE,)
    assert "`{label}` is sent as it stands" in " ".join(repr(batch).split())
    assert Batch.from_dict(json.loads(json.dumps(batch.to_dict()))).notes == (NOTE,)


def test_a_dry_run_names_a_placeholder_that_would_be_sent(echo: Engine) -> None:
    plan = playground(MIXED, data=LABELLED, dry_run=True)

    assert isinstance(plan, Plan)
    assert plan.to_dict()["notes"] == [NOTE]
    assert "`{label}` is sent as it stands" in " ".join(repr(plan).split())
    assert echo.calls == []


def test_a_judge_of_a_table_is_told_of_it_too(echo: Engine) -> None:
    batch = playground(MIXED, data=LABELLED)
    assert isinstance(batch, Batch)

    plan = judge(MIXED, batch, dry_run=True)

    assert isinstance(plan, Plan)
    assert plan.notes == (NOTE,)


@pytest.mark.parametrize("beside", [None, "Say {{ticket}}."])
@pytest.mark.parametrize(
    ("prompt", "language"),
    [
        ("{{#if ticket}}Sort {{ticket}}.{{/if}}", "Handlebars"),
        ("{% if label %}Sort {{ticket}}.{% endif %}", "Jinja"),
    ],
)
def test_blocks_of_a_template_are_refused_and_nothing_is_sent(
    stage: Stage, prompt: str, language: str, beside: str | None
) -> None:
    with pytest.raises(WrongUsage, match=f"The prompt has {language} blocks"):
        playground(prompt, data=LABELLED, beside=beside)
    with pytest.raises(WrongUsage, match=f"The prompt has {language} blocks"):
        playground(prompt, {"ticket": "<t0>", "label": "billing"}, beside=beside)

    assert stage.fake.calls == []


def test_a_single_run_names_a_value_that_nothing_was_filled_with(echo: Engine) -> None:
    run = playground(MIXED, LABELLED[0])

    assert "`{label}` is sent as it stands" in " ".join(repr(run).split())


def test_a_prompt_without_values_is_sent_as_it_is(session: Session, engine: Engine) -> None:
    engine.task = lambda call: "It is a condition."

    prompt = "What does {% if x %} do, and {{ x | upper }}?"
    run = playground(prompt)
    both = playground(prompt, beside="And {{ y | lower }}?")

    assert isinstance(run, Run)
    assert run.sent == prompt
    assert "sent as it stands" not in repr(run) + repr(both)
    assert len(engine.calls) == 3


def test_two_single_runs_name_what_either_was_sent(echo: Engine) -> None:
    both = playground(MIXED, LABELLED[0], beside="Sort {{ticket}}, not $LABEL.")

    shown = " ".join(repr(both).split())
    assert shown.count("`{label}` is sent as it stands") == 1
    assert shown.count("`$LABEL` is sent as it stands") == 1


# --- what is there of a run that did not end ----------------------------------------------------------


def _fails_at(row: str) -> Any:
    def task(call: Call) -> str:
        if call.options["values"]["ticket"] == row:
            raise ProviderAuthError("The key is not accepted.", status=401)
        return "fine"

    return task


def test_an_error_that_ends_a_run_carries_what_is_there(echo: Engine) -> None:
    echo.task = _fails_at("t3")

    with pytest.raises(ProviderAuthError) as caught:
        playground(PROMPT, data=make_rows(9), concurrency=1)

    partial = caught.value.partial
    assert isinstance(partial, Batch)
    assert partial.outputs == ["fine"] * 3 + [None] * 6
    assert (partial.stopped, partial.ends) == ("failed", {"whole": 3, "not reached": 6})
    assert "Stopped by an error" in repr(partial)


def test_an_error_that_ends_a_run_carries_what_is_there_to_one_who_awaits(echo: Engine) -> None:
    import asyncio

    async def later() -> Any:
        return await aplayground(PROMPT, data=make_rows(9), concurrency=1)

    echo.task = _fails_at("t3")

    with pytest.raises(ProviderAuthError) as caught:
        asyncio.run(later())

    assert caught.value.partial.done == 3


def test_an_error_that_ends_a_comparison_carries_both_sides(echo: Engine) -> None:
    echo.task = _fails_at("t3")

    with pytest.raises(ProviderAuthError) as caught:
        playground(PROMPT, data=make_rows(9), beside="Again: {{ticket}}", concurrency=1)

    partial = caught.value.partial
    assert isinstance(partial, SideBySide)
    assert isinstance(partial.left, Batch)
    assert isinstance(partial.right, Batch)
    assert (partial.left.done, partial.right.done) == (3, 3)


def test_rows_that_fail_each_for_another_reason_do_not_flood_the_result(echo: Engine) -> None:
    def task(call: Call) -> str:
        ticket = call.options["values"]["ticket"]
        if ticket in {"t0", "t30"}:
            return "fine"
        raise ProviderUnavailable(f"Come back after {ticket}.", status=500)

    echo.task = task

    batch = playground(PROMPT, data=make_rows(31), concurrency=1)

    shown = " ".join(repr(batch).replace("┃", "").split())
    assert shown.count("Come back") == 5
    assert "24 rows (6, 7, 8," in shown
    assert "failed for other reasons: `error` in `.frame` says which." in shown


def test_a_run_that_was_stopped_by_its_limit_says_so(echo: Engine) -> None:
    batch = playground(PROMPT, data=make_rows(9), max_calls=4, concurrency=1)

    assert isinstance(batch, Batch)
    assert (batch.stopped, batch.ends) == ("budget", {"whole": 4, "not reached": 5})
    assert batch.failed == ()


# --- side by side -----------------------------------------------------------------------------------


def test_two_prompts_stand_side_by_side(echo: Engine) -> None:
    both = playground(PROMPT, {"ticket": "x"}, beside="Again: {{ticket}}")

    assert isinstance(both, SideBySide)
    assert isinstance(both.left, Run)
    assert (both.left.prompt, both.right.prompt) == (PROMPT, "Again: {{ticket}}")


def test_two_models_stand_side_by_side_over_rows(echo: Engine) -> None:
    both = playground(PROMPT, data=make_rows(3), beside_model="openai/gpt-6.2-sol")

    assert isinstance(both, SideBySide)
    assert {call.model for call in echo.calls} == {
        "anthropic/claude-sonnet-4-6",
        "openai/gpt-6.2-sol",
    }
    assert both.frame[0] == {
        "ticket": "t0",
        "output_left": "did t0",
        "stop_left": "end",
        "output_right": "did t0",
        "stop_right": "end",
    }


# --- the whole way, with the real engine and SDK ----------------------------------------------------


def test_a_table_goes_the_whole_way_and_leaves_no_key_behind(stage: Stage, home: Path) -> None:
    stage.fake.answers("fine")

    batch = playground(PROMPT, data=make_rows(12), concurrency=6)

    assert isinstance(batch, Batch)
    assert batch.outputs == ["fine"] * 12
    assert stage.traces_under(home / "vault" / "runs") == {}
    assert stage.traces_in(json.dumps(batch.to_dict())) == {}


_RUN = """
import sys
from assay_nb import playground
rows = [{"ticket": f"t{n}"} for n in range(60)]
playground("Repeat: {{ticket}}", data=rows, concurrency=4)
print("whole", flush=True)
"""


@pytest.mark.slow
def test_a_killed_process_loses_no_finished_row_and_none_is_paid_for_twice(
    stage: Stage, home: Path
) -> None:
    stage.fake.answer_by(lambda call: Answer(chunks=("fine",), delay=0.05))
    process = subprocess.Popen([sys.executable, "-c", _RUN], env={**os.environ})
    wait_until(
        lambda: sum(call.finished.is_set() for call in _posts(stage.fake)) >= 20,
        60,
        lambda: f"{len(_posts(stage.fake))} rows were asked.",
    )
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    time.sleep(0.2)
    kept = sum(
        len([line for line in path.read_text().splitlines() if line])
        for path in (home / "vault" / "runs").glob("*.jsonl")
    )
    asked = len(_posts(stage.fake))

    batch = playground("Repeat: {{ticket}}", data=make_rows(60), concurrency=4)

    assert isinstance(batch, Batch)
    assert batch.done == 60
    assert kept >= 20 - 4  # what was being read when it was killed had not finished here
    assert len(_posts(stage.fake)) - asked == 60 - kept


def _posts(fake: FakeProviders) -> list[Any]:
    return [call for call in fake.calls if call.method == "POST"]
