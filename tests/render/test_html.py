from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_nb.render.characters import show_hidden
from assay_nb.render.document import (
    Annotated,
    Details,
    Diff,
    Document,
    FinePrint,
    Heading,
    Hunk,
    Mark,
    Meter,
    Paragraph,
    Piece,
    Scorecard,
    Table,
    Verbatim,
)
from assay_nb.render.html import escape, render_html
from tests.render.samples import ALL, CRITIQUE, every_block

# What JupyterLab 4 keeps of a style in a notebook that is not trusted: its own expressions, as far as
# they are used here. No variable, no `inherit`, no `rgb(0 0 0 / 50%)`, no number without its zero.
_NUMBER = r"[+-]?(?:[0-9]*[.])?[0-9]+"
_LENGTH = rf"(?:0|{_NUMBER}(?:px|em|%))"
_RGBA = r"rgba\(\d{1,3},\d{1,3},\d{1,3},(?:0(?:\.\d+)?|1)\)"
_COLOR = rf"(?:{_RGBA}|transparent)"
_BORDER = rf"(?:(?:{_LENGTH}|solid|{_COLOR})\s*){{1,3}}"
_SIDES = rf"(?:{_LENGTH}\s*){{1,4}}"
KEPT_BY_JUPYTERLAB = {
    "background": _COLOR,
    "border": _BORDER,
    "border-bottom": _BORDER,
    "border-left": _BORDER,
    "border-top": _BORDER,
    "border-collapse": "collapse",
    "border-radius": _LENGTH,
    "cursor": "pointer",
    "display": "block|inline-block",
    "font-family": r"(?:-?[a-z][a-z0-9-]*)(?:,-?[a-z][a-z0-9-]*)*",
    "font-size": _LENGTH,
    "font-weight": "400|600",
    "height": _LENGTH,
    "left": _LENGTH,
    "line-height": _NUMBER,
    "list-style-type": "none",
    "margin": _SIDES,
    "margin-left": _LENGTH,
    "max-height": _LENGTH,
    "max-width": _LENGTH,
    "opacity": r"0\.\d+",
    "overflow": "auto|hidden",
    "overflow-wrap": "break-word",
    "padding": _SIDES,
    "position": "relative|absolute",
    "table-layout": "auto",
    "text-align": "left",
    "text-decoration": "none|underline|line-through",
    "top": _LENGTH,
    "vertical-align": "top|middle|baseline",
    "white-space": "pre-wrap|nowrap|normal",
    "width": rf"{_LENGTH}|auto",
    "word-break": "normal",
}


class Page(HTMLParser):
    """Reads text as a browser shows it, and every style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.styles: list[str] = []
        self.open: list[str] = []
        self.words: dict[str, list[str]] = {}
        self._after_pre = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.styles += [value or "" for name, value in attrs if name == "style"]
        self._after_pre = tag == "pre"
        if tag not in ("br", "wbr"):
            self.open.append(tag)
            self.words.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        text = data.removeprefix("\n") if self._after_pre else data
        self._after_pre = False
        self.text += text
        for tag in set(self.open):
            self.words[tag][-1] += text


def page(*blocks) -> Page:
    return Page(render_html(Document(blocks)))


@pytest.mark.parametrize("name", ALL)
def test_jupyterlab_keeps_every_style_in_a_notebook_it_does_not_trust(name: str) -> None:
    declarations = [d for style in Page(render_html(ALL[name])).styles for d in style.split(";")]

    refused = []
    for declaration in declarations:
        key, value = declaration.split(":")
        if not re.fullmatch(KEPT_BY_JUPYTERLAB.get(key, "(?!)"), value, re.IGNORECASE):
            refused.append(declaration)
    assert not refused


@pytest.mark.parametrize("name", ALL)
def test_every_element_is_closed_in_its_order(name: str) -> None:
    assert not Page(render_html(ALL[name])).open


@given(st.text())
def test_escaped_text_reads_as_the_text(text: str) -> None:
    assert Page(escape(text)).text == show_hidden(text)


@given(st.text(max_size=80))
def test_verbatim_text_is_shown_to_the_last_space(text: str) -> None:
    assert page(Verbatim(text)).words["pre"] == [show_hidden(text)]


def test_line_feed_at_the_start_of_a_text_is_not_lost_to_the_parser() -> None:
    assert page(Verbatim("\nsecond line")).words["pre"] == ["\nsecond line"]


@given(st.text(max_size=60))
def test_any_text_makes_a_whole_page(text: str) -> None:
    assert not Page(render_html(every_block(text))).open


def test_marked_words_stand_in_their_mark_with_the_label_behind() -> None:
    shown = page(Annotated("say it briefly now", [Mark(7, 14, "1")]))

    assert shown.words["u"] == ["briefly"]
    assert shown.text.strip() == "say it briefly[1] now"


def test_overlapping_marks_do_not_repeat_their_words() -> None:
    shown = page(Annotated("one two three", [Mark(0, 7, "1"), Mark(4, 13, "2")]))

    assert shown.words["u"] == ["one ", "two", " three"]
    assert shown.text.strip() == "one two[1] three[2]"


def test_change_is_in_elements_that_read_without_style() -> None:
    shown = page(Diff([Hunk("1", [Piece("deleted", "a few"), Piece("inserted", "two")])]))

    assert shown.words["del"] == ["a few"]
    assert shown.words["ins"] == ["two"]


def test_score_can_be_read_without_its_bar() -> None:
    assert "Output contract1 of 5" in page(Scorecard([Meter("Output contract", 1, 5)])).text


def test_heads_of_a_table_say_what_they_are_heads_of() -> None:
    html = render_html(Document((Table(("a", "b"), (("c", "d"),)),)))

    assert html.count('scope="col"') == 2


def test_folded_part_is_folded() -> None:
    html = render_html(Document((Details("more", (Paragraph(["inside"]),)),)))

    assert "<details style" in html
    assert "open" not in html


def test_only_the_title_is_a_heading_to_the_table_of_contents() -> None:
    html = render_html(Document((Heading("Critique"), Heading("Findings", 2))))

    assert re.findall(r"<h\d", html) == ["<h3"]


def test_line_feeds_in_running_text_are_shown() -> None:
    assert "one<br>two" in render_html(Document((FinePrint(["one\ntwo"]),)))


def test_long_word_may_break_without_being_changed() -> None:
    assert escape("x" * 90) == "x" * 40 + "<wbr>" + "x" * 40 + "<wbr>" + "x" * 10


def test_same_document_gives_the_same_page() -> None:
    assert render_html(CRITIQUE) == render_html(CRITIQUE)
