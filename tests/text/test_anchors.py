import unicodedata

import pytest

from assay_nb.text.anchors import Anchor, Locator
from assay_nb.text.approximate import find_approximate
from assay_nb.text.segments import split_segments
from assay_nb.text.utf16 import decode_utf16_offset, encode_utf16_offset
from tests.tools import at_most

PROMPT = (
    "You are a support agent. Summarise {{ticket}} briefly and be detailed.\n"
    "Never promise a refund – unless the manager has “agreed”. Be kind. Be kind."
)


def find(
    quote: str, segment: str | None = None, prompt: str = PROMPT, **context: str
) -> Anchor | None:
    return Locator(prompt, split_segments(prompt)).find(quote, segment, **context)


def test_exact_quote_in_the_cited_segment_is_found():
    anchor = find("briefly and be detailed", "s2")

    assert anchor is not None
    assert (anchor.exact, anchor.match, anchor.segment) == (
        "briefly and be detailed",
        "exact",
        "s2",
    )


def test_quote_with_a_wrong_segment_is_found_if_it_is_unique():
    anchor = find("support agent", "s3")

    assert anchor is not None
    assert anchor.segment == "s1"


def test_quote_that_is_repeated_elsewhere_is_found_in_the_cited_segment():
    anchor = find("Be kind", "s5")

    assert anchor is not None
    assert anchor.start == PROMPT.rindex("Be kind")


def test_quote_that_stands_twice_is_rejected_without_context():
    assert find("Be kind") is None


def test_quote_that_stands_twice_in_its_segment_is_rejected():
    assert find("so", "s1", "It is so and so.") is None


def test_context_tells_repeats_apart():
    anchor = find("Be kind", prefix="Be kind. ")

    assert anchor is not None
    assert anchor.start == PROMPT.rindex("Be kind")


def test_overlapping_repeats_are_ambiguous():
    assert find("aa", prompt="baaab") is None


@pytest.mark.parametrize(
    "quote",
    [
        'Never promise a refund - unless the manager has "agreed"',
        "Never  promise a\nrefund – unless",
        "Never promise\u200b a refund",
        "ｐｒｏｍｉｓｅ a refund",
    ],
)
def test_quote_in_other_typography_is_found_as_normalised(quote: str):
    anchor = find(quote, "s3")

    assert anchor is not None
    assert anchor.match == "normalised"
    assert anchor.exact == PROMPT[anchor.start : anchor.end]
    assert anchor.exact.startswith(("Never promise", "promise"))


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_are_found_in_either_spelling(form: str):
    prompt = unicodedata.normalize(form, "Réponds en français, s’il te plaît.")

    anchor = find("français, s'il te plaît", "s1", prompt)

    assert anchor is not None
    assert unicodedata.normalize("NFC", anchor.exact) == "français, s’il te plaît"


def test_quote_across_windows_line_ends_is_found():
    anchor = find("brief.\nBe exact", None, "Be brief.\r\nBe exact.")

    assert anchor is not None
    assert anchor.exact == "brief.\r\nBe exact"


def test_near_quote_in_the_cited_segment_is_reanchored_to_the_prompts_own_words():
    anchor = find("Summarize {{ticket}} briefly", "s2")

    assert anchor is not None
    assert (anchor.match, anchor.exact) == ("reanchored", "Summarise {{ticket}} briefly")


@pytest.mark.parametrize("segment", [None, "s1", "s99"])
def test_near_quote_is_not_looked_for_outside_of_the_cited_segment(segment: str | None):
    assert find("Summarize {{ticket}} briefly", segment) is None


def test_near_quote_is_reanchored_to_whole_words():
    anchor = find("Briefly and be detailed", "s2")

    assert anchor is not None
    assert anchor.exact == "briefly and be detailed"


def test_short_near_quote_is_rejected():
    assert find("be detaild", "s2") is None


def test_near_quote_that_fits_two_places_is_rejected():
    prompt = "Answer every question briefly; answer every questjon briefly"

    assert find("answer every questiom briefly", "s1", prompt) is None


@pytest.mark.parametrize("quote", ["", "   ", "\u200b", "Offer a discount to everyone", "[s2]"])
def test_words_that_are_not_there_have_no_anchor(quote: str):
    assert find(quote, "s2") is None


@pytest.mark.parametrize(
    ("prompt", "quote"),
    [
        ("Say cafe\u0301 now", "cafe"),
        ("Greet the 👩‍💻 first", "👩"),
        ("Wave 👋🏽 twice", "👋"),
        ("Say 각 in jamo: \u1100\u1161\u11a8", "\u1100\u1161"),
    ],
)
def test_anchor_never_cuts_what_a_reader_sees_as_one_character(prompt: str, quote: str):
    assert find(quote, "s1", prompt) is None


def test_anchor_is_found_again_after_the_prompt_was_edited_elsewhere():
    anchor = find("Be kind", "s5")
    assert anchor is not None
    edited = "A new first line.\n" + PROMPT

    moved = Locator(edited).find_again(anchor)

    assert moved is not None
    assert moved.start == edited.rindex("Be kind")


def test_approximate_search_takes_the_nearest_stretch_whole():
    text = "the quick brown fox jumps over the lazy dog"

    assert find_approximate("quikc brown fox jumps", text, 0.9) == (4, 25)


def test_utf16_offset_within_a_pair_is_refused():
    with pytest.raises(ValueError, match="within a character"):
        decode_utf16_offset("a👋b", 2)


def test_utf16_offset_beyond_the_text_is_refused():
    with pytest.raises(ValueError, match="beyond"):
        decode_utf16_offset("a👋", 4)


def test_browser_counts_two_units_for_an_emoji():
    assert [encode_utf16_offset("a👋b", i) for i in range(4)] == [0, 1, 3, 4]


@pytest.mark.parametrize("filler", ["a", "ab ", "é", "\u0301", "中文。", "\u200b", "[s1] "])
def test_hostile_prompt_of_200_kb_costs_no_more_than_a_moment(filler: str):
    prompt = (filler * 200_000)[:200_000]
    locator = Locator(prompt, split_segments(prompt))

    with at_most(3):
        for quote in (filler * 500, "not there at all, not at all", (filler * 900)[:900] + "x"):
            locator.find(quote, "s1")
