from __future__ import annotations

from html.parser import HTMLParser
from importlib.util import find_spec

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from assay_nb.render.characters import show_hidden
from assay_nb.render.document import (
    Annotated,
    Badge,
    Callout,
    Code,
    Diff,
    Document,
    Hunk,
    Item,
    Items,
    Mark,
    Paragraph,
    Piece,
    Strong,
    Table,
    Verbatim,
)
from assay_nb.render.markdown import escape, render_markdown

GITHUB = MarkdownIt("gfm-like", {"html": True, "linkify": find_spec("linkify_it") is not None})
MARKUP = st.text(st.characters() | st.sampled_from("*_`[]()<>!#|~\\$@:/.-+= \n&;1x"), max_size=60)


def markdown(*blocks) -> str:
    return render_markdown(Document(blocks)).rstrip("\n")


def rendered(*blocks) -> str:
    return GITHUB.render(markdown(*blocks)).strip()


def text_of(html: str) -> str:
    parser = HTMLParser()
    parts: list[str] = []
    parser.handle_data = parts.append
    parser.feed(html)
    parser.close()
    return "".join("".join(parts).split())


@given(MARKUP)
@example("- x")
@example("1. x")
@example("a_b_ _c")
@example("&amp;")
@example("`` ` ``")
def test_paragraph_shows_the_text_that_was_given(text: str) -> None:
    shown = rendered(Paragraph([text]))

    assert text_of(shown) == "".join(show_hidden(text).split())


@given(MARKUP)
def test_paragraph_stays_a_paragraph(text: str) -> None:
    shown = rendered(Paragraph(["", text]))

    assert shown == "" or (shown.startswith("<p>") and shown.count("<p>") == 1)


@given(MARKUP, MARKUP)
def test_table_keeps_its_cells(first: str, second: str) -> None:
    shown = rendered(Table(("a", "b"), ((first, Code(second)), (Strong(first), Badge(second)))))

    assert shown.count("<td>") == 4
    assert "".join(show_hidden(first + second).split()) in text_of(shown)


@given(st.text(st.sampled_from("`~\n x"), max_size=40))
def test_verbatim_text_cannot_close_its_fence(text: str) -> None:
    shown = rendered(Verbatim(text), Paragraph(["after"]))

    assert shown.count("<pre>") == 1
    assert shown.endswith("<p>after</p>")


@pytest.mark.parametrize(
    "text",
    [
        "{{ticket_id}} is set",
        "a > b",
        "3.5 of 5",
        "at 10:30",
        "e.g. this",
        "snake_case",
        "(x)",
        "50%",
    ],
)
def test_common_text_stays_readable_unrendered(text: str) -> None:
    assert escape(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://a.b/c now", "see `https://a.b/c` now"),
        ("costs $5", "costs `$5`"),
        ("ask @team", "ask `@team`"),
        ("C:\\temp", "`C:\\temp`"),
        ("in data.csv", "in `data.csv`"),
        ("a*b*", "a\\*b\\*"),
        ("<b>", "&lt;b>"),
        ("a\nb", "a<br>b"),
    ],
)
def test_text_that_could_come_alive_is_quoted(text: str, expected: str) -> None:
    assert escape(text) == expected


def test_strong_text_that_ends_with_a_colon_is_strong() -> None:
    assert markdown(Paragraph([Strong("Fix: "), "less"])) == "**Fix:** less"
    assert "<strong>Fix:</strong> less" in rendered(Paragraph([Strong("Fix: "), "less"]))


@given(MARKUP.filter(str.strip))
def test_strong_text_is_strong_whatever_it_is(text: str) -> None:
    assert (
        "<strong>" in rendered(Paragraph(["a", Strong(text), "b"])) or not show_hidden(text).strip()
    )


def test_item_has_its_lines_below_it() -> None:
    assert markdown(Items([Item("1", ["title"], [Badge("major", "warning")], [["detail"]])])) == (
        "- **\\[1\\]** ▲ major — title\n  - detail"
    )


def test_item_without_badges_has_a_label_and_a_title() -> None:
    assert markdown(Items([Item("1", ["title"])])) == "- **\\[1\\]** — title"


def test_change_is_a_diff_that_github_colours() -> None:
    pieces = [
        Piece("same", "one\nin "),
        Piece("deleted", "a few"),
        Piece("inserted", "two"),
        Piece("same", " lines\nend"),
    ]

    assert markdown(Diff([Hunk("1", pieces)])) == (
        "**\\[1\\]**\n\n```diff\n  one\n- in a few lines\n+ in two lines\n  end\n```"
    )


def test_pure_insertion_deletes_nothing() -> None:
    pieces = [Piece("same", "one\n"), Piece("inserted", "two\n"), Piece("same", "three")]

    assert "- " not in markdown(Diff([Hunk("1", pieces)]))


def test_marks_are_underlined_in_a_fence() -> None:
    assert markdown(Annotated("say it briefly", [Mark(7, 14, "1")])) == (
        "```text\nsay it briefly\n       ^^^^^^^ [1]\n```"
    )


def test_callout_is_a_quote() -> None:
    assert markdown(Callout("bad", [Strong("Stopped. "), "Early."])) == "> ✕ **Stopped.** Early."
