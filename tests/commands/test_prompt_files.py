"""A prompt's file: in which encodings it is read, and what is said where it cannot be."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from assay_nb import WrongUsage
from assay_nb.commands.prompt_files import read_prompt_file

TEXT = "Grüße 🔑.\nNext.\n"


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_mark_says_the_encoding_and_is_not_of_the_prompt(
    mark: bytes, encoding: str, tmp_path: Path
) -> None:
    path = tmp_path / "prompt.txt"
    path.write_bytes(mark + TEXT.replace("\n", "\r\n").encode(encoding))

    assert read_prompt_file(str(path)) == TEXT


def test_only_the_first_mark_is_one(tmp_path: Path) -> None:
    path = tmp_path / "prompt.txt"
    path.write_bytes(codecs.BOM_UTF8 * 2 + b"Hello.\xef\xbb\xbf")

    assert read_prompt_file(str(path)) == "\ufeffHello.\ufeff"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"caf\xe9", "is not UTF-8 text."),
        (codecs.BOM_UTF16_LE + b"odd", "is not UTF-16-LE text."),
        (b"x" * 1_000_001, "has more than 1,000 kB and the limit of a prompt is 200 kB"),
    ],
)
def test_what_is_not_a_prompt_is_refused_by_name(data: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "prompt.txt"
    path.write_bytes(data)

    with pytest.raises(WrongUsage, match=f"^{path} {said}") as raised:
        read_prompt_file(str(path))
    assert raised.value.hint


@pytest.mark.parametrize(
    ("name", "why"), [("missing.txt", "No such file or directory"), ("", "Is a directory")]
)
def test_what_cannot_be_opened_is_refused_with_the_reason(
    name: str, why: str, tmp_path: Path
) -> None:
    with pytest.raises(WrongUsage, match=f"cannot be read: {why}"):
        read_prompt_file(str(tmp_path / name))
