from __future__ import annotations

import pytest

from assay_nb.evaluation import choose_candidate


def test_best_candidate_on_dev_is_chosen() -> None:
    screening = choose_candidate([0, 0, 1, 0], {"a": [0, 1, 1, 0], "b": [1, 1, 1, 0]})

    assert screening.chosen == "b"
    assert screening.gains == (("b", 0.5), ("a", 0.25))


def test_candidates_that_gain_nothing_are_not_tested() -> None:
    assert choose_candidate([1, 1], {"a": [1, 1], "b": [1, 0]}).chosen is None


def test_failing_to_run_is_never_a_gain() -> None:
    screening = choose_candidate([0.2, 0.9], {"a": [0.6, None], "b": [0.3, 0.9]})

    assert screening.chosen == "b"


def test_more_than_three_candidates_are_refused() -> None:
    with pytest.raises(ValueError, match="luck"):
        choose_candidate([0], {name: [1] for name in "abcd"})


def test_screening_never_speaks_of_improvement() -> None:
    text = choose_candidate([0, 0], {"a": [1, 1]}).describe()

    assert "say nothing of how good it is" in text
    assert "improved" not in text
