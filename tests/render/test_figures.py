from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assay_nb.render import figures
from assay_nb.render.document import Annotated, Hunk, Interval, Intervals, Mark, Meter, Piece


@st.composite
def annotated(draw: st.DrawFn) -> Annotated:
    text = draw(st.text(st.sampled_from("ab \n\u202e漢"), max_size=30))
    places = draw(st.lists(st.tuples(st.integers(-3, 33), st.integers(-3, 33)), max_size=6))
    return Annotated(text, [Mark(a, b, str(index)) for index, (a, b) in enumerate(places)])


@given(annotated())
def test_segments_joined_are_the_text(block: Annotated) -> None:
    assert "".join(segment.text for segment in figures.segments(block)) == block.text


@given(annotated())
def test_every_mark_ends_once(block: Annotated) -> None:
    ended = [mark.label for segment in figures.segments(block) for mark in segment.ending]

    assert sorted(ended) == sorted(mark.label for mark in block.marks)


@given(annotated())
def test_marked_segments_are_the_words_of_the_mark(block: Annotated) -> None:
    parts = list(figures.segments(block))

    for mark in block.marks:
        covered = "".join(part.text for part in parts if mark in part.marks)
        start = max(0, mark.start)
        assert covered == block.text[start : max(start, mark.end)]


@given(annotated())
def test_marks_move_with_the_text_when_hidden_characters_are_shown(block: Annotated) -> None:
    text, stretches = figures.shown(block)

    assert text == figures.show_hidden(block.text)
    for mark, stretch in zip(block.marks, stretches, strict=True):
        start = max(0, mark.start)
        words = block.text[start : max(start, mark.end)]
        assert text[stretch.start : stretch.end] == figures.show_hidden(words)


def test_bar_says_what_the_number_says() -> None:
    assert figures.bar(Meter("x", 3, 5)) == "██████░░░░"
    assert figures.score(Meter("x", 3.0, 5)) == "3 of 5"


def test_bar_of_a_value_beyond_its_scale_stays_in_its_place() -> None:
    assert figures.bar(Meter("x", 9, 5)) == "█" * 10
    assert figures.bar(Meter("x", -1, 5)) == "░" * 10


def test_score_that_does_not_apply_draws_no_bar() -> None:
    assert figures.score(Meter("x", None, 5)) == "n/a"
    assert "█" not in figures.bar(Meter("x", None, 5))


@given(st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 3), max_size=4), st.floats(0, 10) | st.none())
def test_axis_holds_every_interval_zero_and_the_margin(
    rows: list[tuple[float, float, float]], margin: float | None
) -> None:
    block = Intervals([Interval("x", *sorted(row)) for row in rows], margin)  # type: ignore[arg-type]

    axis = figures.scale(block)

    values = [0.0, margin or 0.0, *(value for row in rows for value in row)]
    assert all(0 <= axis.at(value) <= 1 for value in values)


def test_interval_is_drawn_left_to_right_with_its_zero() -> None:
    row = Interval("x", 1.0, 2.0, 3.0)

    drawn = figures.strip(row, Intervals([row]), figures.Scale(-1.0, 4.0), cells=21)

    assert drawn == "    │   ├───●───┤    "


def test_point_on_zero_is_still_a_point() -> None:
    row = Interval("x", 0.0, 0.0, 0.0)

    assert "●" in figures.strip(row, Intervals([row]), figures.scale(Intervals([row])))


def test_long_unchanged_text_around_a_change_is_cut() -> None:
    hunk = Hunk("1", [Piece("same", "a " * 500), Piece("deleted", "x"), Piece("same", "b " * 500)])

    before, deleted, after = figures.trimmed(hunk)

    assert before.text.startswith(" … a ")
    assert before.text.endswith("a ")
    assert deleted.text == "x"
    assert after.text.startswith("b ")
    assert after.text.endswith(" … ")


def test_changed_text_is_never_cut() -> None:
    hunk = Hunk("1", [Piece("inserted", "x " * 5000)])

    assert figures.trimmed(hunk) == list(hunk.pieces)
