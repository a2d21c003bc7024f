"""What models take: one table, by the beginning of a name."""

from __future__ import annotations

import pytest

from assay_nb.models.catalog import MODELS
from assay_nb.models.parameters import find_parameters, refused_knobs


@pytest.mark.parametrize("model", MODELS)
def test_listed_model_says_what_the_table_says_of_its_name(model: str) -> None:
    assert MODELS[model].parameters is find_parameters(model)


def test_longest_beginning_wins() -> None:
    assert refused_knobs("claude-opus-4-5", {"temperature": 0}) == []
    assert refused_knobs("claude-opus-4-7", {"temperature": 0}) == ["temperature"]


def test_dated_name_is_judged_by_its_family() -> None:
    assert refused_knobs("gpt-6-astra-2026-10-01", {"top_p": 1}) == ["top_p"]


def test_knob_that_is_not_set_is_not_refused() -> None:
    assert refused_knobs("claude-opus-5-5", {"temperature": None}) == []


def test_nothing_is_said_of_a_model_that_is_not_in_the_table() -> None:
    assert find_parameters("a-model-of-our-own") is None
    assert refused_knobs("a-model-of-our-own", {"temperature": 0, "prefill": "{"}) == []
