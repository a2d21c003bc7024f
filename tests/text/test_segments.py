import pytest

from assay_nb.text.segments import MOST_SEGMENTS, number_segments, parse_numbered, split_segments
from tests.tools import at_most


def texts(prompt: str) -> list[str]:
    return [segment.text for segment in split_segments(prompt)]


def test_sentences_and_lines_are_segments_of_their_own():
    assert texts("You are kind. Answer.\n\n- be brief\n- be exact") == [
        "You are kind.",
        "Answer.",
        "- be brief",
        "- be exact",
    ]


def test_number_of_a_list_item_is_not_a_sentence():
    assert texts("1. Be brief.\n2. Be exact.") == ["1. Be brief.", "2. Be exact."]


def test_full_stop_in_a_code_fence_ends_no_segment():
    assert '{"a": 1. , "b": "x. y"}' in texts('Like this:\n```json\n{"a": 1. , "b": "x. y"}\n```')


def test_chinese_sentences_end_without_a_space():
    assert texts("你是客服。请总结。") == ["你是客服。", "请总结。"]


@pytest.mark.parametrize(
    "prompt", ["a. b\r\n\r\n  c", "\u2028x\u2029 y. z", " \n\t", "", "é. 👩‍💻? b"]
)
def test_what_lies_between_segments_is_white_space(prompt: str):
    segments = split_segments(prompt)

    rest = prompt
    for segment in reversed(segments):
        assert prompt[segment.start : segment.end] == segment.text
        rest = rest[: segment.start] + rest[segment.end :]
    assert not rest.strip()


def test_long_prompt_gets_no_more_segments_than_the_limit():
    assert len(split_segments("Be brief.\n" * 20_000)) <= MOST_SEGMENTS


def test_numbers_can_be_taken_off_again():
    prompt = "\n You are kind. Answer!\n\n  {{ticket}}\n"
    segments = split_segments(prompt)

    numbered = number_segments(prompt, segments)

    assert "[s2] Answer!" in numbered
    assert parse_numbered(numbered) == (prompt, segments)


def test_two_hundred_kilobytes_are_split_in_a_moment():
    prompt = "word " * 20 + ".\n"
    prompt *= 200_000 // len(prompt)

    with at_most(1):
        split_segments(prompt)
