"""The review of an improvement."""

from __future__ import annotations

from typing import Any

import pytest

from assay_nb.errors import WrongUsage
from assay_nb.instruments.improve import Improvement
from assay_nb.instruments.improve.result import ProposedEdit
from assay_nb.panels.review import ReviewPanel
from assay_nb.text.anchors import Anchor
from assay_nb.text.edits import Edit

PROMPT = "Summarise {{ticket}} briefly and be detailed. Stuff matters. <b>Reply</b> in JSON."


def make_edit(number: int, old: str, new: str) -> ProposedEdit:
    start = PROMPT.index(old)
    return ProposedEdit(
        number=number,
        finding="f1",
        op="replace",
        before=Anchor(start, start + len(old), "exact", old),
        edit=Edit(start, start + len(old), new),
    )


@pytest.fixture
def improvement() -> Improvement:
    edits = (
        make_edit(1, "briefly and be detailed", "in two sentences"),
        make_edit(2, "Stuff matters.", "Name the product."),
        make_edit(3, "<b>Reply</b>", "Reply"),
    )
    return Improvement(prompt=PROMPT, kind="template", findings=(), edits=edits, accepted=(1, 2, 3))


def test_rejected_edit_is_left_out_of_what_is_used(improvement: Improvement) -> None:
    names: dict[str, Any] = {}
    panel = ReviewPanel(improvement, names)
    assert panel.widget

    panel.choices[2].value = False
    panel.use("better")

    assert names["better"] == improvement.apply([1, 3])


def test_preview_follows_each_choice(improvement: Improvement) -> None:
    panel = ReviewPanel(improvement, {})
    assert panel.widget

    panel.choices[1].value = False

    assert "2 of 3 edits" in panel.preview.value
    assert "briefly and be detailed" in panel.preview.value


def test_diff_stays_against_the_original(improvement: Improvement) -> None:
    panel = ReviewPanel(improvement, {})
    assert panel.widget
    before = [child.children[0].value for child in panel.widget.children[:3]]

    panel.accept_all(False)

    assert [child.children[0].value for child in panel.widget.children[:3]] == before
    assert panel.improvement.prompt == PROMPT


def test_every_choice_says_in_words_what_it_is(improvement: Improvement) -> None:
    panel = ReviewPanel(improvement, {})

    assert all(
        [label for label, _ in c.options] == ["Accept", "Reject"] for c in panel.choices.values()
    )


def test_model_text_in_a_hunk_is_escaped(improvement: Improvement) -> None:
    panel = ReviewPanel(improvement, {})

    html = "".join(child.children[0].value for child in panel.widget.children[:3])

    assert "<b>Reply" not in html
    assert "Reply" in html


def test_use_from_a_cell_fills_the_next_one(improvement: Improvement) -> None:
    inserted: list[str] = []
    panel = ReviewPanel(improvement, {}, insert=inserted.append)

    text = panel.use("better")

    assert inserted == [f"%%critique\n{text}"]


def test_name_that_is_no_variable_is_refused(improvement: Improvement) -> None:
    names: dict[str, Any] = {}

    with pytest.raises(WrongUsage):
        ReviewPanel(improvement, names).use("two words")
    assert names == {}


def test_static_form_shows_the_edits_and_how_to_take_them(improvement: Improvement) -> None:
    shown = ReviewPanel(improvement, {})._repr_mimebundle_()

    assert ".apply([1, 3])" in shown["text/plain"]
    assert "in two sentences" in shown["text/markdown"]
