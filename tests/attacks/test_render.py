"""Hostile text in every place of every document: shown, and inert."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from importlib.util import find_spec

import pytest
from markdown_it import MarkdownIt
from nbconvert.filters import markdown2html

from assay_nb.render.bundle import bundle
from assay_nb.render.characters import show_hidden
from assay_nb.render.html import render_html
from assay_nb.render.markdown import render_markdown
from assay_nb.render.text import render_text
from tests.corpus.hostile import PAYLOADS
from tests.render.samples import every_block

pytestmark = pytest.mark.slow

HTML_TAGS = {
    "div",
    "h3",
    "p",
    "strong",
    "span",
    "code",
    "pre",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "u",
    "sup",
    "ul",
    "li",
    "del",
    "ins",
    "details",
    "summary",
    "br",
    "wbr",
}
HTML_ATTRIBUTES = {"class", "style", "scope", "role", "aria-level", "aria-hidden"}
MARKDOWN_TAGS = {
    "h3",
    "h4",
    "p",
    "br",
    "strong",
    "code",
    "pre",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "ul",
    "li",
    "blockquote",
    "details",
    "summary",
    "sub",
}
FORMS = [
    "text/plain",
    "text/markdown",
    "text/html",
    "application/vnd.assay.critique.v1+json",
]
# Where linkify-it-py is installed, bare addresses become links, as in VS Code.
LINKIFY = find_spec("linkify_it") is not None
GITHUB = MarkdownIt("gfm-like", {"html": True, "linkify": LINKIFY})
DRIVING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
PLAIN_STYLE = re.compile(r"[a-z0-9A-Z ():;,.%-]*")


class Skeleton(HTMLParser):
    """What a page is made of: its elements with their attributes, and its text in and out of code."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.other: list[str] = []
        self.text = ""
        self.running: list[str] = []
        self._verbatim = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._verbatim += tag in ("code", "pre")

    def handle_endtag(self, tag: str) -> None:
        self._verbatim -= tag in ("code", "pre")

    def handle_data(self, data: str) -> None:
        self.text += data
        if not self._verbatim:
            self.running.append(data)

    def handle_comment(self, data: str) -> None:
        self.other.append(data)

    handle_decl = unknown_decl = handle_pi = handle_comment

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}

    @property
    def attributes(self) -> set[str]:
        return {name for _, attributes in self.elements for name in attributes}


def letters(text: str) -> str:
    """Return what is left of a text when spaces and entities' spelling do not count."""
    return re.sub(r"\s+", "", text)


def github(markdown: str) -> str:
    """Render as GitHub and VS Code do: CommonMark, its extensions, links from bare addresses."""
    return GITHUB.render(markdown)


def jupyter(markdown: str) -> str:
    """Render as nbconvert does: mistune, with math. Its own anchors and code colours are taken out."""
    page = re.sub(r'<a class="anchor-link" href="#[^"<>]*">&#182;</a>', "", markdown2html(markdown))
    return re.sub(
        r'<span class="\w+">|<span></span>|</span>|<div class="highlight">|</div>', "", page
    )


@cache
def html_page(payload: str) -> Skeleton:
    return Skeleton(render_html(every_block(payload)))


@cache
def markdown_page(payload: str, render: Callable[[str], str]) -> Skeleton:
    return Skeleton(render(render_markdown(every_block(payload))))


def failing(holds: Callable[[str], bool]) -> list[str]:
    """Return the payloads for which a claim does not hold; a test wants none."""
    return [payload for payload in PAYLOADS if not holds(payload)]


def test_corpus_has_two_hundred_different_payloads() -> None:
    assert len(set(PAYLOADS)) >= 200


def test_unescaped_payloads_are_seen_by_these_checks() -> None:
    """Positive control: the same checks find the elements of payloads that nobody escaped."""
    seen = [p for p in PAYLOADS if Skeleton(f"<p>{p}</p>").tags - HTML_TAGS]
    live = [p for p in PAYLOADS if Skeleton(github(p)).tags - MARKDOWN_TAGS]

    assert len(seen) > 100
    assert len(live) > 150


def test_a074_html_of_a_hostile_text_has_only_the_elements_of_the_renderer() -> None:
    """Any payload in any block → no element, attribute or style beyond the renderer's constants."""

    def holds(payload: str) -> bool:
        page = html_page(payload)
        return (
            page.tags <= HTML_TAGS
            and page.attributes <= HTML_ATTRIBUTES
            and not page.other
            and all(map(_has_constant_attributes, page.elements))
        )

    assert failing(holds) == []


def _has_constant_attributes(element: tuple[str, dict[str, str | None]]) -> bool:
    _, attributes = element
    style = attributes.get("style") or ""
    kind = attributes.get("class") or "assay mathjax_ignore tex2jax_ignore"
    return (
        PLAIN_STYLE.fullmatch(style) is not None
        and "url" not in style
        and kind == "assay mathjax_ignore tex2jax_ignore"
    )


def test_a074_html_of_a_hostile_text_has_the_same_elements_as_that_of_a_harmless_one() -> None:
    """A payload that closes an element → the tree is the one that any text of its length has."""

    def tree(text: str) -> list[str]:
        own = ("wbr", "span", "br")  # these come with the text: breaks, and delimiters taken apart
        return [tag for tag, _ in html_page(text).elements if tag not in own]

    assert failing(lambda payload: tree(payload) == tree("x" * len(payload))) == []


def test_a074_html_of_a_hostile_text_shows_the_text() -> None:
    """Escaping that dropped or changed a prompt would hide the attack from its reader."""
    assert failing(lambda payload: show_hidden(payload) in html_page(payload).text) == []


def test_a074_html_of_a_hostile_text_holds_no_math_to_typeset() -> None:
    """TeX has links (`\\href`) and styles → a dollar sign or backslash is a text node of its own."""

    def holds(payload: str) -> bool:
        parts = html_page(payload).running
        return all(part in ("$", "\\") or not re.search(r"[$\\]", part) for part in parts)

    assert failing(holds) == []


@pytest.mark.parametrize("render", [github, jupyter])
def test_a074_markdown_of_a_hostile_text_renders_to_no_link_or_image(
    render: Callable[[str], str],
) -> None:
    """Any payload in any block → links, images, raw HTML, mentions and math stay text."""

    def holds(payload: str) -> bool:
        page = markdown_page(payload, render)
        return (
            page.tags <= MARKDOWN_TAGS
            and page.attributes <= {"class", "id", "style"}
            and not page.other
            and not re.search(r"[$\\]|@\w|://|www\.", "\n".join(page.running))
        )

    assert failing(holds) == []


@pytest.mark.parametrize("render", [github, jupyter])
def test_a074_markdown_of_a_hostile_text_shows_the_text(render: Callable[[str], str]) -> None:
    def holds(payload: str) -> bool:
        return letters(show_hidden(payload)) in letters(markdown_page(payload, render).text)

    assert failing(holds) == []


@pytest.mark.parametrize("render", [github, jupyter])
def test_a074_markdown_of_a_hostile_text_keeps_its_blocks(render: Callable[[str], str]) -> None:
    """A payload that closes a fence, a cell or `details` → the blocks of any other text."""

    def blocks(text: str) -> list[str]:
        inline = ("code", "strong", "br", "sub")
        return [tag for tag, _ in markdown_page(text, render).elements if tag not in inline]

    assert failing(lambda payload: blocks(payload) == blocks("plain")) == []


def test_a074_terminal_is_not_driven_by_a_hostile_text() -> None:
    """ANSI, backspace, carriage return, bidirectional override → shown by number."""

    def holds(payload: str) -> bool:
        document = every_block(payload)
        text, colored = render_text(document), render_text(document, color=True)
        return not DRIVING.search(text) and re.sub(r"\x1b\[\d+m", "", colored) == text

    assert failing(holds) == []


def test_a075_bundle_has_no_form_that_runs() -> None:
    """Model text as a key or a value of the data → four forms, none of them script or SVG."""

    def holds(payload: str) -> bool:
        data = {"schema": "assay.critique.v1", "text": payload, payload: payload}
        forms, metadata = bundle(every_block(payload), data)
        return list(forms) == FORMS and metadata == {"assay_nb": {}}

    assert failing(holds) == []
