"""Batches: what they allow themselves is read from the body, however it is cut into pieces."""

from __future__ import annotations

import json

import pytest

from assay_nb.accounting.batches import BatchReader

ANTHROPIC = {
    "requests": [
        {"custom_id": str(number), "params": {"model": "m", "max_tokens": 64_000, "messages": []}}
        for number in range(5)
    ]
}
GEMINI = {
    "batch": {
        "input_config": {
            "requests": {
                "requests": [
                    {"request": {"contents": [{"parts": [{"text": "a book, please"}]}]}},
                    {"request": {"contents": [], "generationConfig": {"maxOutputTokens": 9}}},
                ]
            }
        }
    }
}
FILES = (
    {"input_file_id": "file-x", "endpoint": "/v1/responses", "metadata": {"a": "x" * 9_000}},
    {"batch": {"input_config": {"file_name": "files/x"}, "display_name": "max_tokens"}},
)


def read(body: object, step: int) -> BatchReader:
    reader, data = BatchReader(), json.dumps(body).encode()
    for start in range(0, len(data), step):
        reader.feed(data[start : start + step])
    return reader


@pytest.mark.parametrize("step", [1, 2, 7, 100, 100_000])
def test_batch_allows_itself_what_its_requests_do_together(step: int) -> None:
    assert read(ANTHROPIC, step).most_output == 5 * 64_000
    assert read(GEMINI, step).most_output == 9 + 1_000


@pytest.mark.parametrize("step", [1, 100_000])
def test_batch_in_a_file_is_told_from_one_that_has_its_requests(step: int) -> None:
    assert read(ANTHROPIC, step).has_requests
    assert read(GEMINI, step).has_requests
    assert not any(read(body, step).has_requests for body in FILES)


def test_text_that_looks_like_a_request_is_not_one() -> None:
    said = {"requests": [{"params": {"max_tokens": 7, "system": json.dumps(ANTHROPIC)}}]}

    assert read(said, 3).most_output == 7
