from __future__ import annotations

import unicodedata
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_nb.vault.aad import DataKeyContext, KeyContext, Tag, decode_fields, encode_fields
from tests.vault.builders import ANTHROPIC, GOOGLE

values = st.one_of(st.binary(max_size=40), st.text(max_size=20).map(str.encode), st.just(b"\0"))
fields = st.dictionaries(st.integers(1, 255), values, max_size=8).map(
    lambda chosen: sorted(chosen.items())
)

CONTEXT = KeyContext(
    vault_id=b"v" * 16,
    workspace_id=b"w" * 16,
    row_id=b"r" * 16,
    destination=ANTHROPIC,
    dek_id=b"d" * 16,
    row_version=1,
    last4="wxyz",
    mode="byok",
)


@given(fields)
def test_decoding_is_the_inverse_of_encoding(chosen: list[tuple[int, bytes]]) -> None:
    assert decode_fields(encode_fields(chosen)) == chosen


@given(fields, fields)
def test_no_two_lists_of_fields_share_an_encoding(one, other) -> None:
    assert (encode_fields(one) == encode_fields(other)) == (one == other)


@given(st.binary(max_size=60))
def test_bytes_that_decode_are_the_encoding_of_what_they_decode_to(encoded: bytes) -> None:
    try:
        decoded = decode_fields(encoded)
    except ValueError:
        return

    assert encode_fields(decoded) == encoded


def test_separator_inside_a_value_is_not_a_separator() -> None:
    assert encode_fields([(1, b"a"), (2, b"b:c")]) != encode_fields([(1, b"a:b"), (2, b"c")])


def test_value_of_64_kib_comes_back_whole() -> None:
    long = [(1, b"x" * 65536), (2, b"")]

    assert decode_fields(encode_fields(long)) == long


@pytest.mark.parametrize("tags", [(2, 1), (1, 1), (0,), (256,), (-1,)])
def test_tags_out_of_order_or_range_are_refused(tags: tuple[int, ...]) -> None:
    with pytest.raises(ValueError):
        encode_fields([(tag, b"") for tag in tags])


@given(fields.filter(bool), st.data())
def test_encoding_cut_short_is_refused_or_means_fewer_fields(chosen, data) -> None:
    encoded = encode_fields(chosen)
    cut = encoded[: data.draw(st.integers(0, len(encoded) - 1))]

    with suppress(ValueError):
        assert decode_fields(cut) == chosen[: len(decode_fields(cut))]


def test_every_field_of_a_key_is_there_once() -> None:
    tags = [tag for tag, _ in decode_fields(CONTEXT.encode())]

    assert tags == [*range(1, 14), Tag.CONNECTION, Tag.KIND]


def test_first_version_binds_what_it_always_did() -> None:
    first = decode_fields(replace(CONTEXT, version=1).encode())

    assert [tag for tag, _ in first] == list(range(1, 14))
    assert dict(first)[Tag.SCHEMA] == b"\0\1"


def test_numbers_of_fields_never_change() -> None:
    assert (Tag.CONNECTION, Tag.KIND) == (28, 29)
    assert (Tag.RECORD, Tag.WORKSPACE, Tag.ORIGIN, Tag.PLACEMENT, Tag.LAST4, Tag.ENDPOINT) == (
        1, 4, 7, 8, 11, 13,
    )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"vault_id": b"V" * 16},
        {"workspace_id": b"W" * 16},
        {"row_id": b"R" * 16},
        {"destination": GOOGLE},
        {"destination": replace(ANTHROPIC, endpoint="https://api.anthropic.com/v2")},
        {"destination": replace(ANTHROPIC, origin="https://api.anthropic.com:444")},
        {"destination": replace(ANTHROPIC, placement="bearer")},
        {"destination": replace(ANTHROPIC, placement="none")},
        {"destination": replace(ANTHROPIC, connection="work")},
        {"destination": replace(ANTHROPIC, kind="openai-chat")},
        {"version": 1},
        {"dek_id": b"D" * 16},
        {"row_version": 2},
        {"last4": "wxyZ"},
        {"mode": "demo"},
    ],
)
def test_every_part_of_a_context_is_bound(change) -> None:
    assert replace(CONTEXT, **change).encode() != CONTEXT.encode()


def test_endpoints_that_look_alike_are_not_the_same() -> None:
    endpoint = "https://k\u00e9y.example"
    composed = replace(ANTHROPIC, endpoint=unicodedata.normalize("NFC", endpoint))
    decomposed = replace(ANTHROPIC, endpoint=unicodedata.normalize("NFD", endpoint))

    assert (
        replace(CONTEXT, destination=composed).encode()
        != replace(CONTEXT, destination=decomposed).encode()
    )


def test_wrapped_data_key_is_never_taken_for_a_provider_key() -> None:
    wrapped = DataKeyContext(b"v" * 16, b"w" * 16, b"d" * 16, 1, b"m" * 16).encode()

    assert decode_fields(wrapped)[0] == (1, b"assay_nb:dek")
    assert decode_fields(CONTEXT.encode())[0] == (1, b"assay_nb:provider-key")
