"""The JSON scanner: it agrees with `json.loads`, bounds its work, and gives way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assay_nb.gateway.proxy.json_scan import DEEPEST, MOST_STEPS, NotJson, scan

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    PLAIN | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=30,
)


class Recorder:
    """Keeps what it is told, numbers and their like apart."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def enter(self, is_object: bool) -> None:
        self.heard.append("{" if is_object else "[")

    def leave(self) -> None:
        self.heard.append("end")

    def name(self, text: str) -> None:
        self.heard.append(("name", text))

    def wants_text(self) -> bool:
        return True

    def text(self, text: str) -> None:
        self.heard.append(("text", text))

    def plain(self) -> None:
        pass


class Pairs(list[Any]):
    """An object as its members stand, the ones of equal names too."""


def run(data: bytes) -> tuple[int, list[Any], int]:
    """Return the count of values, what was told, and in how many slices."""
    recorder, slices = Recorder(), 0
    scanning = scan(data, recorder)
    while True:
        try:
            next(scanning)
        except StopIteration as end:
            return end.value, recorder.heard, slices
        slices += 1


def walk(value: Any) -> list[Any]:
    """Return what the scanner should tell of a value that `json` has read."""
    if isinstance(value, Pairs):
        inner = [one for name, part in value for one in (("name", name), *walk(part))]
        return ["{", *inner, "end"]
    if isinstance(value, list):
        return ["[", *(one for part in value for one in walk(part)), "end"]
    return [("text", value)] if isinstance(value, str) else []


def load(data: bytes) -> Any:
    """Return JSON as `json` reads it, strictly."""

    def refuse(word: str) -> Any:
        raise ValueError(word)

    return json.loads(data.decode(), object_pairs_hook=Pairs, parse_constant=refuse)


@given(VALUES, st.sampled_from([None, 2]), st.booleans())
def test_every_part_is_told_as_json_reads_it(value: Any, indent: int | None, escape: bool) -> None:
    data = json.dumps(value, indent=indent, ensure_ascii=escape).encode()

    assert run(data)[:2] == (1, walk(load(data)))


@given(
    st.lists(
        st.sampled_from([*'{}[]":,\\ \n', "1", "-", ".5", "e9", "true", "null", "a", "u00e9", "é"]),
        max_size=12,
    ).map("".join)
)
@example('{"a":1,"a":2}')
@example('{"a":1,}')
@example("[1,]")
@example("[01]")
@example('"\\u12"')
@example('{"a" "b"}')
@example("[1 2]")
def test_what_json_refuses_is_refused_and_nothing_else(text: str) -> None:
    data = text.encode()
    try:
        expected: Any = walk(load(data))
    except ValueError:
        expected = None
    try:
        count, heard, _ = run(data)
    except NotJson:
        count, heard = 1, None

    if count == 1:  # several values in a row are JSON Lines
        assert heard == expected


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'\xef\xbb\xbf{"a":1}', id="byte order mark"),
        pytest.param('{"a":1}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"a":\xc0\xa21\xc0\xa2}', id="overlong quotation mark"),
        pytest.param(b'"\xed\xa0\x80"', id="half a pair"),
        pytest.param(b'{"a":NaN}', id="NaN"),
        pytest.param(b'{"a":"\n"}', id="line end in a text"),
        pytest.param(b"{'a':1}", id="apostrophes"),
        pytest.param(b'{"a":1}//', id="comment"),
        pytest.param(b'{"a":"', id="cut in a text"),
        pytest.param(b'{"a":1', id="cut in an object"),
        pytest.param(b"1" * 5_000, id="digits"),
        pytest.param(b" " * 200_000 + b"1", id="spaces"),
        pytest.param(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), id="deep"),
    ],
)
def test_what_servers_might_read_differently_is_refused(data: bytes) -> None:
    with pytest.raises(NotJson):
        run(data)


def test_depth_up_to_the_limit_is_read() -> None:
    assert run(b"[" * DEEPEST + b"]" * DEEPEST)[0] == 1


def test_lines_are_counted_one_by_one() -> None:
    assert run(b'{"a":1}\n\n{"b":[]}\r\n"c"\n4')[0] == 4


def test_numbers_are_skipped_in_slices_without_making_any() -> None:
    """Three million numbers take a few hundred steps, and others have their turn between these."""
    count, heard, slices = run(b'{"a":[' + b"1e9," * 3_000_000 + b"1]}")

    assert (count, heard) == (1, ["{", ("name", "a"), "[", "end", "end"])
    assert slices > 100


@pytest.mark.slow
def test_finely_divided_body_is_not_read_to_its_end() -> None:
    with pytest.raises(NotJson, match="too many parts"):
        run(b"[" + b'{"a":"b"},' * (MOST_STEPS // 4) + b"1]")
