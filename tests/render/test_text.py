from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_nb.render.characters import columns
from assay_nb.render.document import (
    Annotated,
    Code,
    Diff,
    Document,
    Hunk,
    Item,
    Items,
    Mark,
    Meter,
    Paragraph,
    Piece,
    Scorecard,
    Table,
)
from assay_nb.render.text import render_text
from tests.render.samples import ALL, CRITIQUE, every_block


def lines(*blocks, width: int = 88) -> list[str]:
    return render_text(Document(blocks), width=width).split("\n")


def test_marked_words_are_underlined_with_their_label() -> None:
    assert lines(Annotated("say it briefly now", [Mark(7, 14, "1")])) == [
        "  say it briefly now",
        "         ^^^^^^^ [1]",
    ]


def test_overlapping_marks_are_underlined_on_lines_of_their_own() -> None:
    assert lines(Annotated("one two three", [Mark(0, 7, "1"), Mark(4, 13, "2")])) == [
        "  one two three",
        "  ^^^^^^^ [1]",
        "      ^^^^^^^^^ [2]",
    ]


def test_marks_apart_share_a_line() -> None:
    assert lines(Annotated("one two three four", [Mark(0, 3, "1"), Mark(14, 18, "2")])) == [
        "  one two three four",
        "  ^^^ [1]       ^^^^ [2]",
    ]


def test_mark_over_a_line_end_has_its_label_once() -> None:
    assert lines(Annotated("one\ntwo", [Mark(0, 7, "1")])) == [
        "  one",
        "  ^^^",
        "  two",
        "  ^^^ [1]",
    ]


def test_wide_characters_are_underlined_at_their_width() -> None:
    assert lines(Annotated("漢字 x", [Mark(3, 4, "1")])) == ["  漢字 x", "       ^ [1]"]


def test_lines_far_from_every_mark_are_counted_instead_of_shown() -> None:
    text = "\n".join(f"line {number}" for number in range(50))

    shown = lines(Annotated(text, [Mark(0, 4, "1")]))

    assert shown == [
        "  line 0",
        "  ^^^^ [1]",
        "  line 1",
        "  line 2",
        "  ⋮ 47 lines without a mark",
    ]


def test_text_without_marks_is_shown_whole() -> None:
    text = "\n".join(f"line {number}" for number in range(50))

    assert len(lines(Annotated(text, []))) == 50


def test_change_is_a_word_diff() -> None:
    pieces = [
        Piece("same", "in "),
        Piece("deleted", "a few"),
        Piece("inserted", "two"),
        Piece("same", " lines"),
    ]

    assert lines(Diff([Hunk("1", pieces, ["shorter"], line=2)])) == [
        "[1] line 2 — shorter",
        "    in [-a few-]{+two+} lines",
    ]


def test_change_without_a_reason_has_no_dash_after_its_place() -> None:
    assert lines(Diff([Hunk("1", [Piece("inserted", "x")], line=2)]))[0] == "[1] line 2"


def test_inserted_line_feed_can_be_seen() -> None:
    assert lines(Diff([Hunk("1", [Piece("inserted", "\nnew")])])) == ["[1]", "    {+↵", "    new+}"]


def test_item_hangs_under_its_title() -> None:
    assert lines(Items([Item("1", ["title"], lines=[["detail"]])])) == ["[1] title", "    detail"]


def test_note_of_a_score_goes_below_where_there_is_no_room_beside_it() -> None:
    shown = lines(Scorecard([Meter("Output contract", 1, 5, "must be guessed")]), width=40)

    assert shown[-1] == "  must be guessed"


@pytest.mark.parametrize("width", [40, 60, 88, 120])
@pytest.mark.parametrize("name", ["critique", "improvement", "lint", "stopped", "verdict"])
def test_no_line_is_wider_than_asked(name: str, width: int) -> None:
    shown = render_text(ALL[name], width=width).split("\n")

    assert max(map(columns, shown)) <= width


@given(st.text(max_size=60), st.integers(1, 200))
def test_any_text_can_be_drawn_at_any_width(text: str, width: int) -> None:
    assert render_text(every_block(text), width=width)


def test_plain_form_has_no_terminal_sequences() -> None:
    assert "\x1b" not in render_text(CRITIQUE)


@pytest.mark.parametrize("name", ALL)
def test_color_changes_nothing_but_color(name: str) -> None:
    colored = render_text(ALL[name], color=True)

    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[\d+m", "", colored) == render_text(ALL[name])


def test_table_keeps_narrow_columns_and_wraps_wide_ones() -> None:
    shown = lines(Table(("a", "b"), (("x", "long words " * 10), ("y", Code("c")))), width=40)

    assert shown[0] == "a  b"
    assert max(map(len, shown)) <= 40
    assert shown[-1] == "y  c"


def test_empty_document_is_empty() -> None:
    assert render_text(Document()) == ""


def test_blocks_without_content_are_drawn() -> None:
    empty = Document(
        (Scorecard(()), Items(()), Diff(()), Table((), ()), Annotated("", ()), Paragraph(()))
    )

    assert render_text(empty).strip() == ""


# --- narrow terminals ---------------------------------------------------------------------------------

LONG = (
    "You are a support agent for Acme. Summarise {{ticket}} briefly and be detailed, and answer in JSON "
    "or as a short paragraph, whichever seems better to you at the time, but never mention it."
)
MARKED = ("You are", "briefly and be detailed", "whichever seems better", "never mention it.")


def over_carets(shown: list[str]) -> str:
    """Return the words that stand right above carets, in order."""
    words = ""
    text = ""
    for line in shown:
        if "^" not in line:
            text = line
            continue
        for start in range(len(line)):
            if line[start] == "^":
                words += text[start]
        words += " "
    return words.strip()


@pytest.mark.parametrize("width", [30, 50, 80, 88, 200])
def test_carets_of_a_long_line_stand_under_their_words(width: int) -> None:
    starts = [LONG.index(words) for words in MARKED]
    marks = [
        Mark(start, start + len(words), f"A00{number}")
        for number, (start, words) in enumerate(zip(starts, MARKED, strict=True))
    ]

    shown = lines(Annotated(LONG, marks), width=width)

    assert over_carets(shown).replace(" ", "") == "".join(MARKED).replace(" ", "")
    assert max(map(columns, shown)) <= width
    assert all(any(f"[A00{number}]" in line for line in shown) for number in range(len(MARKED)))


def test_label_without_room_at_the_right_stands_at_the_left() -> None:
    text = "x" * 20 + " " + "y" * 18

    assert lines(Annotated(text, [Mark(21, 39, "1")]), width=42) == [
        f"  {text}",
        f"  {' ' * 17}[1] {'^' * 18}",
    ]


def test_label_of_a_mark_over_the_whole_row_stands_below() -> None:
    assert lines(Annotated("y" * 40, [Mark(0, 40, "1")]), width=42) == [
        f"  {'y' * 40}",
        f"  {'^' * 40}",
        "  [1]",
    ]


URL = "http://127.0.0.1:46473/openai/ok"
KEYS = Table(
    ("provider", "key", "tested", "added by", "added", "endpoint"),
    (("openai", "platform", "works", "me", "2026-11-30 01:00", URL),),
)


@pytest.mark.parametrize("width", [24, 40, 50, 80, 88])
def test_address_in_a_table_is_never_cut(width: int) -> None:
    assert any(URL in line for line in lines(KEYS, width=width))


@pytest.mark.parametrize("width", [50, 80, 88])
def test_table_is_no_wider_than_the_terminal(width: int) -> None:
    assert max(map(columns, lines(KEYS, width=width))) <= width


def test_table_that_does_not_fit_is_a_line_for_each_cell() -> None:
    assert lines(KEYS, width=50) == [
        "provider  openai",
        "key       platform",
        "tested    works",
        "added by  me",
        "added     2026-11-30 01:00",
        f"endpoint  {URL}",
    ]


def test_address_in_running_text_is_never_cut() -> None:
    shown = lines(Paragraph([f"Get one at {URL} and come back."]), width=24)

    assert shown == ["Get one at", URL, "and come back."]


def test_sign_before_an_item_has_no_brackets() -> None:
    assert lines(Items([Item("·", ["new"]), Item("A001", ["old"])])) == ["· new", "", "[A001] old"]
