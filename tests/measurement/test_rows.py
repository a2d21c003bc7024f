from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from assay_nb import WrongUsage
from assay_nb.measurement.rows import check_columns, read_rows, values_for


def test_a_frame_and_a_list_give_the_same_rows() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})

    assert read_rows(frame).items == read_rows(frame.to_dict("records")).items


def test_columns_that_are_added_come_back_as_what_the_data_was() -> None:
    frame = pd.DataFrame({"a": [1, 2]}, index=["r1", "r2"])

    added = read_rows(frame).with_columns({"output": ["x", "y"]})

    assert list(added.index) == ["r1", "r2"]
    assert list(added["output"]) == ["x", "y"]
    assert read_rows([{"a": 1}]).with_columns({"output": ["x"]}) == [{"a": 1, "output": "x"}]


def test_a_column_of_the_data_is_never_overwritten() -> None:
    assert read_rows([{"output": 1}]).with_columns({"output": ["x"]}) == [
        {"output": 1, "run_output": "x"}
    ]


def test_an_empty_cell_is_an_empty_text() -> None:
    row = read_rows(pd.DataFrame({"a": [float("nan")], "b": [None]}))[0]

    assert values_for("{{a}}{{b}}", row) == {"a": "", "b": ""}


@pytest.mark.parametrize("data", ["text", {"a": 1}, 3, [1, 2], []])
def test_what_is_no_table_is_refused(data: Any) -> None:
    with pytest.raises(WrongUsage):
        read_rows(data)


def test_every_missing_column_is_named() -> None:
    with pytest.raises(WrongUsage, match=r"\{\{b\}\}, \{\{c\}\}"):
        check_columns("{{a}} {{b}} {{c}}", read_rows([{"a": 1}]))


def test_a_prompt_without_a_variable_would_be_the_same_call_each_time() -> None:
    with pytest.raises(WrongUsage, match="no variable"):
        check_columns("Hello.", read_rows([{"a": 1}]))


def test_a_row_reads_as_a_dictionary_and_by_attribute() -> None:
    row = read_rows([{"answer": 3}])[0]

    assert (row["answer"], row.answer) == (3, 3)
    with pytest.raises(AttributeError):
        row.other  # noqa: B018 - reading it is the act under test
