from __future__ import annotations

import pytest

from assay_nb.text.english import capitalise, count, cut, join, kind_of, quote


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1, "an int"),
        (1.5, "a float"),
        ({}, "a dict"),
        (object(), "an object"),
        (None, "None"),
        (b"", "bytes"),
    ],
)
def test_kind_of_a_value_has_its_article(value: object, said: str) -> None:
    assert kind_of(value) == said


def test_one_thing_is_not_many() -> None:
    assert [count(n, "edit") for n in (0, 1, 2, 1_200)] == [
        "0 edits",
        "1 edit",
        "2 edits",
        "1,200 edits",
    ]


def test_words_are_listed_with_one_word_before_the_last() -> None:
    assert [join(list("abc")[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert join(["1", "7"], "or") == "1 or 7"


def test_quoted_text_is_one_line_of_bounded_length() -> None:
    assert quote("say  it\nbriefly") == "“say it briefly”"
    assert quote("x" * 100, 10) == f"“{'x' * 9}…”"


def test_capital_at_the_beginning_leaves_the_rest() -> None:
    assert capitalise("no JSON here") == "No JSON here"


def test_cut_text_is_no_longer_than_allowed_and_says_that_it_was_cut() -> None:
    assert cut("12345", 5) == "12345"
    assert cut("123456", 5) == "1234…"
