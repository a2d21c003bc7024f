from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from assay_nb import WrongUsage
from assay_nb.experiments.data.rows import (
    as_text,
    check_columns,
    find_blank,
    find_notes,
    is_empty,
    leave_out_blank,
    read_rows,
    values_for,
)


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


@pytest.mark.parametrize(
    ("prompt", "message", "hint"),
    [
        ("Sort {{ ticket | upper }}.", "`{{ ticket | upper }}` is Jinja", "Write {{ticket}}."),
        ("Sort {ticket}.", "`{ticket}` is not filled in here", "Write {{ticket}}."),
        ("Sort {{ticket.title}}.", "{{ticket.title}} is Jinja", "Write {{ticket}}, or"),
        ("{% for t in ticket %}{{t}}{% endfor %}", "Jinja blocks from line 1 on", "Render"),
        ("`{% for t in ticket %}` {{t}}", "{{t}} gets its value from a Jinja block", "Render"),
        ("{% if ticket %}Hi.{% endif %}", "Jinja blocks from line 1 on", "Render"),
        ("{{#if ticket}}{{ticket}}{{/if}}", "Handlebars blocks from line 1 on", "Render"),
    ],
)
def test_another_template_language_is_named_in_the_refusal(
    prompt: str, message: str, hint: str
) -> None:
    with pytest.raises(WrongUsage) as caught:
        check_columns(prompt, read_rows([{"ticket": "a", "label": "b"}]))

    assert message in caught.value.message
    assert (caught.value.hint or "").startswith(hint)


def test_a_single_column_is_refused_with_the_name_of_another_syntax() -> None:
    with pytest.raises(WrongUsage, match=r"`\{ticket\}` is not filled in here"):
        read_rows(["a", "b"], "Sort {ticket}.")


def test_notes_of_two_prompts_name_each_placeholder_once() -> None:
    rows = read_rows([{"ticket": "a", "label": "b"}])

    notes = find_notes(["{{ticket}} {label}", None, "{{ticket}} {label} $label"], rows)

    assert [note.partition(" ")[0] for note in notes] == ["`{label}`", "`$label`"]


def test_a_row_reads_as_a_dictionary_and_by_attribute() -> None:
    row = read_rows([{"answer": 3}])[0]

    assert (row["answer"], row.answer) == (3, 3)
    with pytest.raises(AttributeError):
        row.other  # noqa: B018 - reading it is the act under test


# --- what is sent -----------------------------------------------------------------------------------

NOTHING = [None, float("nan"), np.nan, np.float64("nan"), pd.NaT, pd.NA, Decimal("NaN")]


@pytest.mark.parametrize("value", NOTHING, ids=repr)
def test_a_cell_that_holds_nothing_is_an_empty_text(value: Any) -> None:
    assert is_empty(value)
    assert as_text(value) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("nan", "nan"),
        ("None", "None"),
        (0, "0"),
        (0.0, "0.0"),
        (3.0, "3.0"),
        (False, "False"),
        ("", ""),
        (" x ", " x "),
        ([], "[]"),
        ({"a": 1}, "{'a': 1}"),
        (np.int64(7), "7"),
        (np.float64(0.5), "0.5"),
        (pd.Timestamp("2026-02-01"), "2026-02-01 00:00:00"),
    ],
)
def test_a_value_is_sent_as_its_own_text(value: Any, text: str) -> None:
    assert not is_empty(value)
    assert as_text(value) == text


def test_a_number_of_a_frame_is_sent_as_the_frame_holds_it() -> None:
    rows = read_rows(pd.DataFrame({"n": [3, None]}))  # which makes 3 a float

    assert [values_for("{{n}}", row) for row in rows] == [{"n": "3.0"}, {"n": ""}]


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"a": range(500), "b": range(500)}),
        pd.Series(range(500)),
        np.arange(5000),
        list(range(5000)),
    ],
    ids=["frame", "series", "array", "list"],
)
def test_data_within_a_variable_is_sent_whole(value: Any) -> None:
    text = as_text(value)

    assert "..." not in text
    assert "…" not in text
    assert "250" in text
    assert text.rstrip("]\n").endswith(("499", "4999"))


def test_a_frame_is_sent_with_its_column_names_and_without_its_index() -> None:
    assert as_text(pd.DataFrame({"a": [1], "b": ["x"]}, index=[9])) == "a,b\n1,x\n"


def test_a_polars_frame_is_sent_whole_too() -> None:
    polars = pytest.importorskip("polars", reason="polars is not installed")

    text = as_text(polars.DataFrame({"a": range(500)}))

    assert text == "a\n" + "".join(f"{n}\n" for n in range(500))


# --- rows with nothing in them ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "blank"),
    [
        ({"a": "x", "b": "y"}, None),
        ({"a": "x", "b": ""}, "b"),
        ({"a": " \n", "b": ""}, "a"),
        ({}, None),
    ],
)
def test_the_first_variable_without_a_value_is_found(
    values: dict[str, str], blank: str | None
) -> None:
    assert find_blank(values) == blank


def test_rows_with_nothing_for_a_variable_are_left_out_and_numbered() -> None:
    rows = read_rows([{"a": "x"}, {"a": None}, {"a": float("nan")}, {"a": "y"}, {"a": "  "}])

    kept, left = leave_out_blank("{{a}}", rows)

    assert [row["a"] for row in kept] == ["x", "y"]
    assert left == (1, 2, 4)
    assert [kept.number(index) for index in range(len(kept))] == [0, 3]


def test_a_column_that_the_prompt_does_not_use_may_be_empty() -> None:
    rows = read_rows([{"a": "x", "b": None}])

    assert leave_out_blank("{{a}}", rows) == (rows, ())


def test_data_of_empty_rows_only_is_refused_with_the_way_to_send_it() -> None:
    with pytest.raises(WrongUsage) as caught:
        leave_out_blank("{{a}}", read_rows([{"a": ""}, {"a": None}]))

    assert "keep_empty" in (caught.value.hint or "")


# --- some of the rows -------------------------------------------------------------------------------


def test_rows_that_are_taken_keep_the_numbers_of_the_data() -> None:
    frame = pd.DataFrame({"a": list("vwxyz")}, index=[10, 20, 30, 40, 50])
    rows = read_rows(frame)

    some = rows.take([4, 1, 2]).take([0, 2])

    assert [row["a"] for row in some] == ["z", "x"]
    assert [some.number(index) for index in range(len(some))] == [4, 2]
    assert list(some.with_columns({"output": ["1", "2"]}).index) == [50, 30]
    assert rows.number(3) == 3


@pytest.mark.parametrize(
    "data", [["a", "b"], ("a", "b"), pd.Series(["a", "b"], name="anything", index=[7, 9])]
)
def test_a_single_column_is_taken_for_the_prompts_only_variable(data: Any) -> None:
    assert [dict(row) for row in read_rows(data, "Sort {{ticket}}.")] == [
        {"ticket": "a"},
        {"ticket": "b"},
    ]


@pytest.mark.parametrize(
    ("prompt", "count"), [("Sort {{ticket}} of {{day}}.", "2 variables"), ("Sort.", "no variables")]
)
def test_a_single_column_for_another_number_of_variables_is_refused(
    prompt: str, count: str
) -> None:
    with pytest.raises(WrongUsage, match=f"single column, and the prompt has {count}"):
        read_rows(["a", "b"], prompt)


def test_rows_without_a_key_that_others_have_are_named() -> None:
    rows = read_rows([{"a": 1}, {"b": 2}, {"a": 3}, {"b": 4}])

    with pytest.raises(WrongUsage, match=r"2 of 4 rows have no 'a' \(row 1, 3\)"):
        check_columns("Sort {{a}}.", rows)
