"""The clerk: what the practice provider does with a task, and how it judges."""

from __future__ import annotations

import json

import pytest

from assay_nb.instruments.judge.criteria import parse_rubric
from assay_nb.instruments.judge.request import make_text
from assay_nb.practice.rules import judge, work

LABELS = "Answer with one of billing, shipping, other.\n"
HINTS = "- billing: invoice, refund\n- shipping: parcel, courier\n- other: job\n"


@pytest.mark.parametrize(
    ("ticket", "label"),
    [("My parcel is late", "shipping"), ("A refund", "billing"), ("A job", "other")],
)
def test_labels_that_are_explained_are_chosen_by_shared_words(ticket: str, label: str) -> None:
    assert work(f"{LABELS}{HINTS}<ticket>{ticket}</ticket>") == label


def test_data_that_is_not_set_apart_is_taken_for_instructions() -> None:
    prompts = [
        f"Sort: {word} and answer with one of billing, shipping, other.\n{HINTS}"
        for word in ("parcel", "job")
    ]

    assert {work(prompt) for prompt in prompts} == {"billing"}


def test_the_same_text_always_gets_the_same_label() -> None:
    assert len({work(f"{LABELS}<ticket>hm</ticket>") for _ in range(5)}) == 1


def test_named_keys_are_filled_from_the_text() -> None:
    reply = work('Return JSON with the keys "city" and "id".\n<t>city: Bergen, and no more</t>')

    assert json.loads(reply) == {"city": "Bergen", "id": None}


def test_without_labels_or_keys_it_says_what_it_is() -> None:
    assert work("Tell me a story.").startswith("Practice provider, no model")


def test_practice_judge_goes_by_shared_words_and_quotes_what_it_saw() -> None:
    rubric = parse_rubric('- It says "refund".\n- It is polite and friendly. (1-5)')
    said = judge(make_text({"task": "t", "output": "A refund is due."}, rubric, "0" * 16))

    assert (said["c1_answer"], said["c1_evidence"].startswith("refund")) == ("yes", True)
    assert said["c2_answer"] == "1"


def test_practice_judge_has_no_favourite_place() -> None:
    rubric = parse_rubric("- It names a refund.")
    sides = {"first answer": "a refund", "second answer": "nothing"}
    turned = {"first answer": "nothing", "second answer": "a refund"}

    once = judge(make_text({"task": "t", **sides}, rubric, "0" * 16))
    again = judge(make_text({"task": "t", **turned}, rubric, "0" * 16))

    assert [said["c1_better"] for said in (once, again)] == ["first", "second"]
