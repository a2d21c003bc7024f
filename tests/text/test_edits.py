import pytest

from assay_nb.text.edits import Edit, apply_edits, check_edits, diff_words, overlap, split_changes
from tests.tools import at_most


def test_edits_are_made_at_their_places_in_the_original():
    edits = [Edit(8, 15, "in a line"), Edit(0, 3, "Write")]

    assert apply_edits("Say it, shortly.", edits) == "Write it, in a line."


def test_order_of_edits_does_not_matter():
    edits = [Edit(0, 1, "A"), Edit(1, 1, "-"), Edit(1, 2, "B")]

    assert apply_edits("abc", edits) == apply_edits("abc", edits[::-1]) == "A-Bc"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (Edit(0, 3, ""), Edit(2, 4, "")),
        (Edit(0, 4, "x"), Edit(2, 2, "y")),
        (Edit(1, 1, "x"), Edit(1, 1, "y")),
    ],
)
def test_edits_of_the_same_words_are_refused(a: Edit, b: Edit):
    assert overlap(a, b)
    with pytest.raises(ValueError, match="overlap"):
        apply_edits("abcdef", [a, b])


def test_insertion_at_the_border_of_a_replacement_is_no_overlap():
    assert not overlap(Edit(0, 2, "x"), Edit(2, 2, "y"))
    assert not overlap(Edit(2, 2, "y"), Edit(2, 4, "x"))


@pytest.mark.parametrize("edit", [Edit(-1, 0, ""), Edit(2, 1, ""), Edit(0, 4, "")])
def test_edit_outside_of_the_text_is_refused(edit: Edit):
    with pytest.raises(ValueError, match="outside"):
        check_edits("abc", [edit])


def test_diff_changes_whole_words():
    assert diff_words("be brief now", "be exact now") == [
        ("same", "be "),
        ("deleted", "brief"),
        ("inserted", "exact"),
        ("same", " now"),
    ]


def test_diff_keeps_a_variable_in_one_piece():
    runs = diff_words("use {{ticket}} here", "use {{tickets}} here")

    assert ("deleted", "{{ticket}}") in runs


def test_diff_does_not_keep_a_lone_common_word_between_two_changes():
    runs = diff_words("Summarise each of the tickets", "Write down what of any customer wants")

    assert [op for op, _ in runs] == ["deleted", "inserted"]


def test_change_has_its_line_and_little_of_what_is_around():
    before = "\n".join(f"This is line number {n}." for n in range(1, 41))

    (change,) = split_changes(diff_words(before, before.replace("number 20", "twenty")))

    assert change.line == 20
    assert len("".join(text for _, text in change.runs)) < 150


def test_changes_far_apart_are_shown_apart():
    before = "alpha " + "same " * 100 + "omega"

    changes = split_changes(diff_words(before, before.replace("alpha", "A").replace("omega", "O")))

    assert len(changes) == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a b " * 25_000, "b a " * 25_000 + "c"),
        ("x\n" * 50_000, "y\nx\n" * 25_000),
        ("word " * 40_000, ""),
    ],
)
def test_diff_of_100_kb_costs_no_more_than_a_moment(before: str, after: str):
    with at_most(3):
        diff_words(before, after)
