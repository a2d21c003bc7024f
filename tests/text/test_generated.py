"""Generated values and written ones, told apart by their pairs of characters."""

from __future__ import annotations

import random

import pytest

from assay_nb.text.generated import is_generated, is_path, is_sequence, is_stand_in, is_uuid
from tests.text.credentials import ALPHABETS


@pytest.mark.slow
@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_nearly_every_value_of_32_characters_is_generated(alphabet: str) -> None:
    chance = random.Random(3)
    values = ["".join(chance.choices(ALPHABETS[alphabet], k=32)) for _ in range(4000)]

    assert sum(map(is_generated, values)) >= 0.97 * len(values)
    assert sum(map(is_stand_in, values)) <= 0.001 * len(values)


@pytest.mark.parametrize(
    "value",
    [
        "siehe-handbuch-2024",
        "SeeTheManualForPassword2024",
        "YOUR_API_KEY_HERE_12345",
        "rzeczywiscie-przyszlosc-2024",
        "qing-chakan-shiyong-shouce-2024",
        "gweler-y-llawlyfr-cymraeg-2024",
        "smotri-rukovodstvo-razdel-12",
        "accounts/fireworks/models/llama-v3p1-405b-instruct",
        "gpt-oss-120b-128k-fp8-h100",
        "Zugangsdaten_Kundenportal_Stand_11_2024",
        "DE89370400440532013000",
        "ORD-2024-8F3A2B-77120",
        "0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D",
        "550e8400-e29b-41d4-a716-446655440000",
        "20241105123000123456789",
        "",
    ],
)
def test_written_value_and_number_of_something_is_not_generated(value: str) -> None:
    assert not is_generated(value)


@pytest.mark.parametrize(
    "value", ["abc123def456ghi789", "a1b2c3d4e5f6g7h8", "1234567890abcdef", "qwertyuiop123", "000"]
)
def test_row_of_letters_and_digits_is_a_sequence(value: str) -> None:
    assert is_sequence(value)
    assert not is_sequence("hT7kq2LwZ9rXv4Bn8sQe")


def test_path_begins_with_words() -> None:
    assert is_path("/run/secrets/database-2024")
    assert not is_path("bPxRfiCY/K7MDENG/wJalrXUtnFEMI")
    assert not is_path("///")


def test_uuid_is_one_with_its_hyphens() -> None:
    assert is_uuid("550e8400-e29b-41d4-a716-446655440000")
    assert not is_uuid("550e8400e29b41d4a716446655440000")
