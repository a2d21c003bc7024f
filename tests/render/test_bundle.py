from __future__ import annotations

import json

import pytest

from assay_nb.render.bundle import bundle, draw, plain, vendor_type
from assay_nb.render.document import Document, Paragraph
from tests.render.samples import CRITIQUE, every_block

DATA = {
    "schema": "assay.critique.v1",
    "target": {"prompt_sha256": "ab12"},
    "provenance": {
        "provider": "anthropic",
        "model": "claude-sonnet-4-6",
        "usage": {"input_tokens": 5},
        "workspace": "research",
        "request_ids": ["r1"],
    },
}


def test_result_is_saved_under_the_type_of_its_schema() -> None:
    forms, _ = bundle(CRITIQUE, DATA)

    assert forms["application/vnd.assay.critique.v1+json"] == DATA
    assert vendor_type("assay.run.v2") == "application/vnd.assay.run.v2+json"


def test_metadata_says_who_answered_and_to_what() -> None:
    _, metadata = bundle(CRITIQUE, DATA)

    assert metadata == {
        "assay_nb": {
            "provider": "anthropic",
            "model": "claude-sonnet-4-6",
            "usage": {"input_tokens": 5},
            "prompt_sha256": "ab12",
        }
    }


def test_metadata_names_nothing_that_the_data_lacks() -> None:
    _, metadata = bundle(CRITIQUE, {"schema": "assay.lint.v1", "provenance": None})

    assert metadata == {"assay_nb": {}}


@pytest.mark.parametrize("text", ["half a pair \ud800", "\x00", "\u2028"])
def test_bundle_of_any_text_can_be_saved_in_a_notebook(text: str) -> None:
    forms, metadata = bundle(every_block(text), {"schema": "assay.run.v1", "text": text})

    assert json.dumps([forms, metadata], ensure_ascii=False).encode("utf-8")


def test_bundle_is_a_copy_of_the_data() -> None:
    data = {"schema": "assay.run.v1", "findings": [1]}

    forms, _ = bundle(Document(), data)
    data["findings"].append(2)

    assert forms["application/vnd.assay.run.v1+json"]["findings"] == [1]


def test_plain_form_is_the_text_form() -> None:
    document = Document((Paragraph(["one"]),))

    assert plain(document) == bundle(document, {"schema": "x"})[0]["text/plain"] == "one"


def test_something_shown_and_not_kept_has_no_data() -> None:
    assert list(draw(Document())) == ["text/plain", "text/markdown", "text/html"]
