import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from assay_nb.text.anchors import Locator
from assay_nb.text.approximate import find_approximate
from assay_nb.text.normal import normalise, splits_character
from assay_nb.text.segments import number_segments, parse_numbered, split_segments
from assay_nb.text.utf16 import decode_utf16_offset, encode_utf16_offset

ALPHABET = st.sampled_from(
    [
        *"ab .\n\t{}\"'-",
        *"éß中한👩💻“”–…ﬁ½",
        "\u0301",
        "\u200d",
        "\u200b",
        "\ufe0f",
        "\r\n",
        "ש",
        "م",
        "\u1100",
        "\u1161",
        "\uff76",
        "\uff9e",
        "\u202e",
    ]
)
TEXT = st.lists(ALPHABET, max_size=60).map("".join)


def edit_distance(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


@given(TEXT, TEXT)
def test_shown_evidence_is_always_a_stretch_of_the_prompt(prompt: str, quote: str):
    locator = Locator(prompt, split_segments(prompt))

    for segment in [None, *locator.segments]:
        anchor = locator.find(quote, segment and segment.id)
        if anchor:
            assert prompt[anchor.start : anchor.end] == anchor.exact != ""
            assert not splits_character(prompt, anchor.start, anchor.end)


@given(TEXT, st.text(min_size=1, max_size=8))
def test_string_that_is_not_in_the_prompt_has_no_anchor(prompt: str, quote: str):
    inside = normalise(quote).text.strip() in normalise(prompt).text

    if not inside and quote not in prompt and quote.strip() not in prompt:
        assert Locator(prompt, split_segments(prompt)).find(quote, "s1") is None


@given(TEXT, st.data(), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_quote_in_another_normal_form_is_found_at_the_same_place_or_not_at_all(
    prompt: str, data: st.DataObject, form: str
):
    start = data.draw(st.integers(0, len(prompt)))
    end = data.draw(st.integers(start, len(prompt)))
    quote = unicodedata.normalize(form, prompt[start:end])

    anchor = Locator(prompt).find(quote)

    if anchor:
        assert normalise(anchor.exact).text.strip() == normalise(quote).text.strip()


@given(TEXT)
def test_every_segment_finds_itself(prompt: str):
    segments = split_segments(prompt)
    locator = Locator(prompt, segments)

    for segment in segments:
        anchor = locator.find(segment.text, segment.id)
        if not splits_character(prompt, segment.start, segment.end):
            assert anchor is not None
            assert (anchor.start, anchor.end) == (segment.start, segment.end)


@given(TEXT)
def test_normal_form_maps_back_in_order(text: str):
    folded = normalise(text)

    assert len(folded.text) == len(folded.starts) == len(folded.ends)
    assert folded.starts == sorted(folded.starts)
    assert all(a < b <= len(text) for a, b in zip(folded.starts, folded.ends, strict=True))


@given(st.text("abc ", min_size=12, max_size=24), st.text("abc ", max_size=80))
def test_approximate_match_is_as_near_as_it_says(pattern: str, text: str):
    found = find_approximate(pattern, text, 0.9)

    if found:
        assert edit_distance(pattern, text[found[0] : found[1]]) <= 0.1 * len(pattern)


@given(st.text("abc", min_size=12, max_size=30), st.data())
def test_quote_with_one_slip_in_it_is_found(quote: str, data: st.DataObject):
    slip = data.draw(st.integers(0, len(quote) - 1))

    found = find_approximate(quote[:slip] + "q" + quote[slip + 1 :], f"xxxx{quote}yyyy", 0.9)

    assert found is not None
    assert abs(found[0] - 4) <= 1
    assert abs(found[1] - 4 - len(quote)) <= 1


@given(TEXT, st.data())
def test_utf16_offsets_convert_both_ways(text: str, data: st.DataObject):
    offset = data.draw(st.integers(0, len(text)))

    units = encode_utf16_offset(text, offset)

    assert units == len(text[:offset].encode("utf-16-le")) // 2
    assert decode_utf16_offset(text, units) == offset


@given(TEXT)
def test_numbered_text_without_markers_of_its_own_reads_back(prompt: str):
    segments = split_segments(prompt)

    text, read = parse_numbered(number_segments(prompt, segments))

    assert text == prompt
    assert [s.id for s in read] == [s.id for s in segments]
