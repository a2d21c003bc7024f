from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_nb.errors import WrongUsage
from assay_nb.gateway.http.strict_json import parse_json_object

SIMPLE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.slow
@given(st.dictionaries(st.text(), SIMPLE, max_size=5), st.booleans())
def test_what_is_json_is_read_as_json_reads_it(value: dict[str, Any], ascii_only: bool) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return

    assert parse_json_object(raw) == json.loads(raw)


@given(st.binary(max_size=200))
def test_anything_else_is_refused_and_nothing_else_is_raised(raw: bytes) -> None:
    with contextlib.suppress(WrongUsage):
        assert isinstance(parse_json_object(raw), dict)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": "' + b'\\"' * 1_000_000,
        b'{"a": "' + b'\\"' * 1_000_000 + b'"}',
        b'{"a": ' + b'"' * 2_000_000,
        b'{"a": ' + b'"",' * 600_000,
        b'{"a": "' + b"\\" * 2_000_000,
        b"[" * 2_000_000,
        b"{" * 2_000_000,
        b"," * 2_000_000,
        b'{"a": ' + b"1" * 2_000_000 + b"}",
    ],
    ids=[
        "open escapes",
        "escapes",
        "quotes",
        "strings",
        "backslashes",
        "lists",
        "objects",
        "commas",
        "digits",
    ],
)
def test_a083_two_megabytes_of_anything_are_read_in_linear_time(raw: bytes) -> None:
    """Shapes that make a reader look at every part again and again → two seconds at most, on a busy machine."""
    began = time.process_time()

    with contextlib.suppress(WrongUsage):
        parse_json_object(raw)

    assert time.process_time() - began < 2


def test_a_prompt_may_hold_anything() -> None:
    prompt = '{"[[[[' * 5_000 + "\\" + '"' * 5_000

    assert parse_json_object(json.dumps({"prompt": prompt}).encode()) == {"prompt": prompt}
