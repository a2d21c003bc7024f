"""GEPA searches, the test is ours."""

from __future__ import annotations

from typing import Any

import pytest

from assay_nb import BadReply, ProviderError, to_gepa
from assay_nb.engine.call import Call
from assay_nb.evaluation import row_key, split_rows
from assay_nb.evaluation.lost import WORDS
from assay_nb.messages import Reply
from tests.experiments.simulated import GAIN, OLD, Engine, Session, TaskModel, is_good, make_rows

NEW = f"{OLD} {GAIN}"


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    return make_rows(150)


def test_gepa_is_given_dev_rows_only(session: Session, rows: list[dict[str, Any]]) -> None:
    task = to_gepa(OLD, rows, is_good)

    dev = {rows[index]["ticket"] for index in split_rows([row_key(row) for row in rows]).dev}
    given = [*task.arguments["trainset"], *task.arguments["valset"]]
    assert {row["ticket"] for row in given} == dev
    assert len(given) == len(dev)


def test_the_adapter_scores_rows_with_the_metrics_words(
    session: Session, engine: Engine, rows: list[dict[str, Any]]
) -> None:
    pytest.importorskip("gepa", reason="GEPA is in the group `test`")
    engine.task = lambda call: "bad"
    adapter = to_gepa(OLD, rows, is_good).arguments["adapter"]

    batch = adapter.evaluate(
        to_gepa(OLD, rows, is_good).arguments["trainset"][:3], {"prompt": OLD}, True
    )
    told = adapter.make_reflective_dataset({"prompt": OLD}, batch, ["prompt"])

    assert (batch.scores, batch.outputs) == ([0.0] * 3, ["bad"] * 3)
    assert all(record["Feedback"] == "expected good" for record in told["prompt"])


@pytest.mark.parametrize("stop", ["length", "filtered", "refusal", "empty"])
def test_a_row_without_a_whole_reply_scores_nothing_and_says_why(
    session: Session, engine: Engine, rows: list[dict[str, Any]], stop: Any
) -> None:
    pytest.importorskip("gepa", reason="GEPA is in the group `test`")
    engine.task = lambda call: Reply("good", stop)
    task = to_gepa(OLD, rows, is_good)
    adapter = task.arguments["adapter"]

    batch = adapter.evaluate(task.arguments["trainset"][:2], {"prompt": OLD}, True)
    told = adapter.make_reflective_dataset({"prompt": OLD}, batch, ["prompt"])

    assert batch.scores == [0.0, 0.0]
    assert told["prompt"][0]["Feedback"] == f"There was no whole reply: {WORDS[stop]}."


def test_a_candidate_with_blocks_of_a_template_scores_nothing_and_is_not_sent(
    session: Session, engine: Engine, rows: list[dict[str, Any]]
) -> None:
    pytest.importorskip("gepa", reason="GEPA is in the group `test`")
    task = to_gepa(OLD, rows, is_good)
    new = {"prompt": f"{{% if x %}}{OLD}{{% endif %}}"}

    batch = task.arguments["adapter"].evaluate(task.arguments["trainset"][:2], new, True)
    told = task.arguments["adapter"].make_reflective_dataset(new, batch, ["prompt"])

    assert (batch.scores, engine.calls) == ([0.0, 0.0], [])
    assert told["prompt"][0]["Feedback"].startswith("The prompt has Jinja blocks")


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_candidate_that_the_provider_refuses_scores_nothing_and_says_why(
    session: Session, engine: Engine, rows: list[dict[str, Any]], status: int
) -> None:
    pytest.importorskip("gepa", reason="GEPA is in the group `test`")

    def task_model(call: Call) -> str:
        raise ProviderError("It is too long.", status=status)

    engine.task = task_model
    task = to_gepa(OLD, rows, is_good)

    batch = task.arguments["adapter"].evaluate(
        task.arguments["trainset"][:3], {"prompt": OLD}, True
    )

    assert batch.scores == [0.0] * 3
    assert batch.trajectories[0].feedback == "There was no whole reply: It is too long."


def test_a_key_that_is_refused_ends_the_search(
    session: Session, engine: Engine, rows: list[dict[str, Any]]
) -> None:
    pytest.importorskip("gepa", reason="GEPA is in the group `test`")

    def task_model(call: Call) -> str:
        raise ProviderError("The key is not accepted.", status=401)

    engine.task = task_model
    task = to_gepa(OLD, rows, is_good)

    with pytest.raises(ProviderError):
        task.arguments["adapter"].evaluate(task.arguments["trainset"][:3], {"prompt": OLD})


def test_a_reflection_that_was_cut_is_an_error_and_no_new_prompt(
    session: Session, engine: Engine, rows: list[dict[str, Any]]
) -> None:
    engine.task = lambda call: Reply("```\nA new pro", "length")
    task = to_gepa(OLD, rows, is_good)

    with pytest.raises(BadReply, match="cut at the token limit"):
        task.arguments["reflection_lm"]("Think of a better prompt.")


def test_a_candidate_with_a_variable_of_its_own_scores_nothing_and_costs_nothing(
    session: Session, engine: Engine, rows: list[dict[str, Any]]
) -> None:
    pytest.importorskip("gepa", reason="GEPA is in the group `test`")
    task = to_gepa(OLD, rows, is_good)

    batch = task.arguments["adapter"].evaluate(
        task.arguments["trainset"][:3], {"prompt": "{{other}}"}
    )

    assert (batch.scores, engine.calls) == ([0.0] * 3, [])


def test_what_gepa_found_is_measured_on_rows_that_it_never_saw(
    session: Session, rows: list[dict[str, Any]]
) -> None:
    task = to_gepa(OLD, rows, is_good)

    result = task.measure({"prompt": NEW})

    assert result.test == split_rows([row_key(row) for row in rows]).test
    assert result.verdict == "improved"


@pytest.mark.filterwarnings("default")  # GEPA's own
def test_gepa_itself_runs_on_it(
    session: Session, engine: Engine, rows: list[dict[str, Any]]
) -> None:
    gepa = pytest.importorskip("gepa", reason="GEPA is in the group `test`")
    model = TaskModel()

    def task_model(call: Call) -> str:
        return f"```\n{NEW}\n```" if "reflection" in call.options["values"] else model(call)

    engine.task = task_model
    task = to_gepa(OLD, rows, is_good)

    found = gepa.optimize(**task.arguments, max_metric_calls=120, raise_on_exception=True)

    assert found.best_candidate["prompt"] == NEW
    assert task.measure(found).verdict == "improved"
