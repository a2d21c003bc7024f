"""Lines with a secret and lines without one: each of the first is found, and none of the second."""

from __future__ import annotations

import random

import pytest

from assay_nb.text.redaction import find_keys, redact, secret_in
from tests.text.credentials import HARMLESS, SECRETS, filled


@pytest.mark.parametrize("line", SECRETS)
def test_secret_is_found_in_its_line(line: str) -> None:
    text = filled(line, random.Random(line))

    [shape] = find_keys(text)

    assert redact(text) == f"{text[: shape.start]}[redacted: {shape.label}]{text[shape.end :]}"
    assert shape.end - shape.start >= 16


@pytest.mark.parametrize("line", HARMLESS)
def test_harmless_line_stays_silent(line: str) -> None:
    assert secret_in(filled(line, random.Random(line))) is None


@pytest.mark.slow
def test_nearly_every_random_value_of_such_a_line_is_found() -> None:
    """The shortest random values have few odd pairs: of them, too, 99 in 100 are found."""
    chance = random.Random(7)
    texts = [filled(line, chance) for line in SECRETS for _ in range(100)]

    found = sum(secret_in(text) is not None for text in texts)

    assert found >= 0.998 * len(texts)


@pytest.mark.slow
def test_whatever_the_random_value_is_a_harmless_line_stays_silent() -> None:
    chance = random.Random(8)
    texts = [filled(line, chance) for line in HARMLESS if "<" in line for _ in range(100)]

    assert [text for text in texts if secret_in(text)] == []
