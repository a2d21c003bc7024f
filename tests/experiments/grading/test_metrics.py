from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from assay_nb import WrongUsage
from assay_nb.experiments.data.rows import Row
from assay_nb.experiments.grading.metrics import Output, Scored, Scorer

ROW = Row(answer="yes")


def score(metric: Any, output: str = "yes") -> Scored:
    return Scorer(metric).score(ROW, output, 7)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (True, Scored(1.0)),
        (0.25, Scored(0.25)),
        ((0.5, "half"), Scored(0.5, "half")),
        ((False, None), Scored(0.0)),
        (SimpleNamespace(score=0.5, feedback="half"), Scored(0.5, "half")),
        (SimpleNamespace(score=True), Scored(1.0)),
    ],
)
def test_every_form_of_a_score_is_read(said: Any, expected: Scored) -> None:
    assert score(lambda row, output: said) == expected


@pytest.mark.parametrize("said", [None, "yes", float("nan"), float("inf"), {}])
def test_what_is_no_score_is_refused_with_the_row(said: Any) -> None:
    with pytest.raises(WrongUsage, match="row 7"):
        score(lambda row, output: said)


def test_a_metric_that_raises_is_told_of_with_the_row_and_its_own_words() -> None:
    with pytest.raises(WrongUsage, match="row 7: ZeroDivisionError") as caught:
        score(lambda row, output: 1 / 0)

    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_dspy_metric_works_unchanged() -> None:
    def metric(
        gold: Any, pred: Any, trace: Any, pred_name: Any, pred_trace: Any
    ) -> SimpleNamespace:
        right = gold.answer == pred.answer
        return SimpleNamespace(score=float(right), feedback="" if right else "wrong")

    assert score(metric) == Scored(1.0)
    assert score(metric, '{"answer": "yes"}') == Scored(1.0)
    assert score(metric, "no") == Scored(0.0, "wrong")


def test_an_output_is_a_string_first() -> None:
    output = Output('{"lower": 3, "label": "x"}')

    assert output.lower() == '{"lower": 3, "label": "x"}'
    assert output.label == "x"


def test_something_that_cannot_be_called_is_no_metric() -> None:
    with pytest.raises(WrongUsage, match="not a function"):
        Scorer("accuracy")  # type: ignore[arg-type]
