from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from assay_nb.text.edits import Edit, apply_edits, diff_words, split_changes

WORDS = st.lists(
    st.sampled_from(["a", "be", " ", "\n", "{{x}}", ",", "é", "👩‍💻", "  "]), max_size=40
).map("".join)


@st.composite
def edited(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    text = draw(st.text(max_size=60))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12, unique=True)))
    edits = [Edit(a, b, draw(st.text(max_size=5))) for a, b in pairwise(cuts)]
    return text, draw(st.permutations(edits[::2]))


@given(edited())
def test_no_edits_leave_the_text_as_it_is(case: tuple[str, list[Edit]]):
    assert apply_edits(case[0], []) == case[0]


@given(edited(), st.data())
def test_any_subset_leaves_every_other_character_alone(
    case: tuple[str, list[Edit]], data: st.DataObject
):
    text, edits = case
    chosen = [edit for edit in edits if data.draw(st.booleans())]

    result = apply_edits(text, chosen)

    position = 0
    for edit in sorted(chosen, key=lambda e: e.start):
        untouched = text[position : edit.start]
        assert result.startswith(untouched + edit.text)
        result = result[len(untouched + edit.text) :]
        position = edit.end
    assert result == text[position:]


@given(edited())
def test_order_of_acceptance_is_irrelevant(case: tuple[str, list[Edit]]):
    text, edits = case

    assert apply_edits(text, edits) == apply_edits(text, sorted(edits, key=lambda e: -e.start))


@given(WORDS, WORDS)
def test_diff_holds_both_texts(before: str, after: str):
    runs = diff_words(before, after)

    assert "".join(text for op, text in runs if op != "inserted") == before
    assert "".join(text for op, text in runs if op != "deleted") == after
    assert all(a != b for (a, _), (b, _) in pairwise(runs))


@given(WORDS, WORDS)
def test_every_change_of_a_diff_is_shown_once(before: str, after: str):
    runs = diff_words(before, after)

    shown = [
        run for change in split_changes(runs, context=4) for run in change.runs if run[0] != "same"
    ]

    assert shown == [run for run in runs if run[0] != "same"]
