"""`assay-nb lint` on files: what each says, and with which status it ends."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from assay_nb.cli import main

GOOD, WRONG = "Say hello.", "Hello.\nUse {{name}} and {name}."
BROKEN = b"\xff\xfe\x00\x01"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "vault"))
    monkeypatch.chdir(tmp_path)
    for name, text in {"good.txt": GOOD, "wrong.txt": WRONG, "empty.txt": ""}.items():
        Path(name).write_text(text, encoding="utf-8")
    Path("broken.bin").write_bytes(BROKEN)
    Path("marked.txt").write_text(GOOD, encoding="utf-8-sig")


def test_file_that_cannot_be_read_is_named_and_the_others_are_checked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = main(["lint", "wrong.txt", "broken.bin", "missing.txt", "good.txt"])

    shown = capsys.readouterr().out
    assert status == 2
    assert "broken.bin is not UTF-8 text." in shown
    assert "missing.txt cannot be read" in shown
    assert "1 error." in shown
    assert shown.rstrip().endswith("✓ Pass Lint found nothing.")


def test_json_has_the_error_of_a_file_in_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    main(["lint", "--json", "broken.bin", "wrong.txt"])

    broken, wrong = json.loads(capsys.readouterr().out)
    assert (broken["file"], broken["error"]["code"]) == ("broken.bin", "wrong_usage")
    assert (wrong["file"], wrong["ok"]) == ("wrong.txt", False)


def test_single_file_that_cannot_be_read_is_an_error_as_ever(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["lint", "broken.bin"]) == 2
    assert capsys.readouterr().err.startswith("assay-nb: broken.bin is not UTF-8 text.")


def test_mark_that_an_editor_puts_first_is_not_of_the_prompt(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    piped = io.TextIOWrapper(io.BytesIO(Path("marked.txt").read_bytes()), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", piped)

    assert main(["lint", "--strict", "--json", "marked.txt", "-"]) == 0
    assert [one["text"] for one in json.loads(capsys.readouterr().out)] == [GOOD, GOOD]


def test_empty_file_is_told_and_not_passed(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["lint", "empty.txt"])

    shown = capsys.readouterr().out
    assert status == 0
    assert "The prompt is empty: nothing was checked." in shown
    assert "Pass" not in shown


def test_empty_file_fails_where_warnings_do() -> None:
    assert main(["lint", "--strict", "empty.txt"]) == 1


def test_lines_are_what_an_editor_can_jump_to(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["lint", "--format", "lines", "wrong.txt", "good.txt", "empty.txt", "broken.bin"])

    first, *rest = capsys.readouterr().out.splitlines()
    assert status == 2
    assert first.startswith("wrong.txt:2:18: A002 error: `{name}` is not filled in")
    assert rest == [
        "empty.txt:1:1: warning: The prompt is empty.",
        "broken.bin:1:1: error: broken.bin is not UTF-8 text.",
    ]


def test_lines_of_a_good_file_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--format", "lines", "good.txt"]) == 0
    assert capsys.readouterr().out == ""
