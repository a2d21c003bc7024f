from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_nb.render.characters import columns, show_hidden, wrap

TEXT = st.text(
    st.characters() | st.sampled_from(" \n\t\r\x1b\u202e\u200b\ud800漢字👩\u200d\u0301x"),
    max_size=200,
)


@given(TEXT)
def test_shown_text_has_no_control_and_no_reordering_character(text: str) -> None:
    shown = show_hidden(text)

    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]
    assert not [
        c
        for c in shown
        if unicodedata.bidirectional(c)
        in ("RLO", "LRO", "RLE", "LRE", "RLI", "LRI", "FSI", "PDF", "PDI")
    ]


@given(TEXT)
def test_shown_text_stays_as_it_is_when_shown_again(text: str) -> None:
    assert show_hidden(show_hidden(text)) == show_hidden(text)


def test_hidden_character_is_shown_by_its_number() -> None:
    assert show_hidden("a\u202eb\x1b[0m") == "a⟨U+202E⟩b⟨U+001B⟩[0m"


def test_every_character_of_a_smuggled_order_is_shown() -> None:
    assert show_hidden("x\U000e0068\U000e0069") == "x⟨U+E0068⟩⟨U+E0069⟩"


def test_windows_line_ending_is_a_line_ending() -> None:
    assert show_hidden("a\r\nb\rc") == "a\nb⟨U+000D⟩c"


@pytest.mark.parametrize(
    "text",
    [
        "👩‍👩‍👧",
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "❤️",
        "नमस्ते",
        "می‌خواهم",
        "葛\U000e0100",
        "שלום",
        "e\u0301",
    ],
)
def test_scripts_and_emoji_are_left_alone(text: str) -> None:
    assert show_hidden(text) == text


@pytest.mark.parametrize(
    ("text", "expected"), [("abc", 3), ("漢字", 4), ("e\u0301", 1), ("\t", 4), ("", 0), ("ｱ", 1)]
)
def test_width_is_counted_as_a_terminal_does(text: str, expected: int) -> None:
    assert columns(text) == expected


@given(TEXT, st.integers(2, 40))
def test_no_row_is_wider_than_asked(text: str, width: int) -> None:
    assert all(columns(text[start:end]) <= max(width, 4) for start, end in wrap(text, width))


@given(TEXT, st.integers(2, 40))
def test_rows_lose_nothing_but_spaces_and_line_feeds(text: str, width: int) -> None:
    rows = list(wrap(text, width))

    kept = "".join(text[start:end] for start, end in rows)
    assert kept.replace(" ", "") == text.replace(" ", "").replace("\n", "")
    assert rows == sorted(rows)


def test_row_breaks_at_a_space() -> None:
    text = "one two three"

    assert [text[start:end] for start, end in wrap(text, 8)] == ["one two", "three"]


def test_indentation_is_kept() -> None:
    text = "    indented text"

    assert [text[start:end] for start, end in wrap(text, 12)] == ["    indented", "text"]
