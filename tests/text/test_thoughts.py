"""Thoughts in a reply: which tags are around thoughts, which are the answer's own, and how pieces are cut."""

from __future__ import annotations

import pytest

from assay_nb.messages import Message, Request, TextDelta
from assay_nb.text.thoughts import ThoughtSplitter, splitter_for, without_thoughts


def split(text: str, asked: str = "", size: int | None = None) -> tuple[str, str]:
    """Return the answer and the thoughts in a reply that comes in pieces of this size."""
    splitter = ThoughtSplitter(asked)
    pieces = [text] if size is None else [text[n : n + size] for n in range(0, len(text), size)]
    answer = thoughts = ""
    for piece in [*(p for one in pieces for p in splitter.feed(one)), *splitter.flush()]:
        if isinstance(piece, TextDelta):
            answer += piece.text
            continue
        if piece.so_far:
            answer, thoughts = "", thoughts + answer
        thoughts += piece.text
    return answer, thoughts


SPLIT = {
    # reply: answer, thoughts
    "<think>Hm.</think>Yes.": ("Yes.", "Hm."),
    "<think>Hm.</think>\n\nYes.\n": ("Yes.\n", "Hm."),
    "\n <think>Hm.</think> Yes.": ("Yes.", "Hm."),
    "<thinking>Hm.</thinking>Yes.": ("Yes.", "Hm."),
    "<thought>Hm.</thought>Yes.": ("Yes.", "Hm."),
    "<thoughts>Hm.</thoughts>Yes.": ("Yes.", "Hm."),
    "<reasoning>Hm.</reasoning>Yes.": ("Yes.", "Hm."),
    "<seed:think>Hm.</seed:think>Yes.": ("Yes.", "Hm."),
    "<Think>Hm.</THINK>Yes.": ("Yes.", "Hm."),
    "[THINK]Hm.[/THINK]Yes.": ("Yes.", "Hm."),
    "◁think▷Hm.◁/think▷Yes.": ("Yes.", "Hm."),
    "<longcat_think>Hm.</longcat_think>Yes.": ("Yes.", "Hm."),
    "<|channel>thought\nHm.<channel|>Yes.": ("Yes.", "\nHm."),
    "<|channel|>analysis<|message|>Hm.<|channel|>final<|message|>Yes.": ("Yes.", "Hm."),
    "<|start|>assistant<|channel|>analysis<|message|>Hm.<|channel|>final<|message|>Yes.": (
        "Yes.",
        "Hm.",
    ),
    "<|channel|>commentary<|message|>Yes.": ("<|channel|>commentary<|message|>Yes.", ""),
    "<think>İ < 3 </thi </think>Yes.": ("Yes.", "İ < 3 </thi "),
    "<think>\n\n</think>\n\nYes.": ("Yes.", "\n\n"),
    "<think>A.</think>\n<think>B.</think>Yes.": ("Yes.", "A.B."),
    "<think>A <thinking>B</thinking></think>Yes.": ("Yes.", "A <thinking>B</thinking>"),
    "<think>Hm. Yes.": ("", "Hm. Yes."),
    "<think>Hm.</think>": ("", "Hm."),
    "<think>Hm.</think>  \n": ("", "Hm."),
    "Hm.</think>Yes.": ("Yes.", "Hm."),
    "Hm.\n</think>\n\nYes.": ("Yes.", "Hm.\n"),
    "Hm, `a`.</thinking>Yes.": ("Yes.", "Hm, `a`."),
    "</think>Yes.": ("Yes.", ""),
    # The answer's own.
    "": ("", ""),
    " \n": (" \n", ""),
    "  Yes.\n\n": ("  Yes.\n\n", ""),
    "<": ("<", ""),
    "<thin": ("<thin", ""),
    "<thinker>Yes.</thinker>": ("<thinker>Yes.</thinker>", ""),
    "First <think>Hm.</think> then.": ("First <think>Hm.</think> then.", ""),
    "Close it with `</think>`.": ("Close it with `</think>`.", ""),
    'Close it with "</think>".': ('Close it with "</think>".', ""),
    "```\nx</think>\n```\n": ("```\nx</think>\n```\n", ""),
    '{"a": "x</think>"}': ('{"a": "x</think>"}', ""),
    "a < b, <b>c</b>, </thi": ("a < b, <b>c</b>, </thi", ""),
    "<think>Hm.</think>Say </think>!": ("Say </think>!", "Hm."),
}


@pytest.mark.parametrize(("reply", "parts"), SPLIT.items(), ids=SPLIT.keys())
@pytest.mark.parametrize("size", [None, 1, 3])
def test_thoughts_are_told_from_the_answer(
    reply: str, parts: tuple[str, str], size: int | None
) -> None:
    assert split(reply, size=size) == parts


NAMED = [
    "Put it in <thinking>.",
    "Put it in <THINKING> please.",
    "End with </thinking>.",
    "Use &lt;thinking&gt; first.",
    "Reason in thinking tags.",
    "Reason in `thinking` XML tags.",
    "Use a tag named thinking.",
    "Use the tag “thinking”.",
]


@pytest.mark.parametrize("asked", NAMED)
def test_tag_that_the_prompt_names_is_the_answers_own(asked: str) -> None:
    reply = "<thinking>Hm.</thinking>Yes."

    assert split(reply, asked) == (reply, "")
    assert split("Hm.</thinking>Yes.", asked) == ("Hm.</thinking>Yes.", "")
    assert split("<think>Hm.</think>Yes.", asked) == ("Yes.", "Hm.")


@pytest.mark.parametrize(
    "asked",
    ["Do some thinking.", "[thinking cap on] Go.", "Tag this: thinking is hard.", "a<thinkingx"],
)
def test_prompt_that_speaks_of_thinking_names_no_tag(asked: str) -> None:
    assert split("<thinking>Hm.</thinking>Yes.", asked) == ("Yes.", "Hm.")


def test_all_turns_and_the_system_text_count_as_the_prompt() -> None:
    reply = "<think>Hm.</think>Yes."
    ask = Message("user", "Hello.")
    for request in (
        Request(messages=(ask,), system="Use <think>."),
        Request(messages=(Message("user", "Use <think>."), Message("assistant", "x"), ask)),
    ):
        assert splitter_for(request).feed(reply) == [TextDelta(reply)]


def test_reply_that_has_to_be_json_is_split_whatever_the_prompt_names() -> None:
    request = Request(messages=(Message("user", "<think>"),), schema={"type": "object"})

    pieces = splitter_for(request).feed("<think>{}</think>{}")

    assert [type(piece) is TextDelta for piece in pieces] == [False, True]


def test_server_that_sends_thoughts_apart_means_nothing_by_a_closing_tag() -> None:
    splitter = ThoughtSplitter()
    splitter.note_thoughts()

    assert splitter.feed("a</think>b") == [TextDelta("a</think>b")]


def test_text_is_handed_on_as_it_comes() -> None:
    splitter = ThoughtSplitter()

    assert splitter.feed("Hello") == [TextDelta("Hello")]
    assert splitter.feed(" <b") == [TextDelta(" <b")]
    assert splitter.feed(" </th") == [TextDelta(" ")]
    assert splitter.feed("e>") == [TextDelta("</the>")]


def test_long_blank_beginning_is_not_held_back_for_ever() -> None:
    assert "".join(p.text for p in ThoughtSplitter().feed(" " * 5_000)) == " " * 5_000


def test_reply_without_its_thoughts_is_its_answer() -> None:
    assert without_thoughts('Hm {}.</think>\n{"a": 1}') == '{"a": 1}'
