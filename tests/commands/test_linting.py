"""`assay-nb lint` on files: what each says in which form, and with which status it ends."""

from __future__ import annotations

import codecs
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from assay_nb import LintReport, WrongUsage
from assay_nb.cli import main
from assay_nb.commands.linting import MOST_LISTED, Linted, Written, write_linted
from assay_nb.instruments.lint import LintFinding
from assay_nb.instruments.lint.rule import Level

GOOD, WRONG = "Say hello.", "Hello.\nAnswer yes or n\u200bo."
TOO_LONG = "The prompt is 250 kB long and the limit is 200 kB, so nothing was checked."
UNREAD = WrongUsage("b.md cannot be read: Is a directory.")
FORMS: tuple[Written, ...] = ("text", "json", "github", "junit")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "vault"))
    monkeypatch.chdir(tmp_path)
    for name, text in {"good.txt": GOOD, "wrong.txt": WRONG, "empty.txt": ""}.items():
        Path(name).write_text(text, encoding="utf-8")
    Path("large.txt").write_text("word " * 50_000)
    Path("folder").mkdir()
    Path("broken.bin").write_bytes(b"caf\xe9")
    Path("marked.txt").write_text(WRONG, encoding="utf-8-sig")
    Path("wide.txt").write_bytes(codecs.BOM_UTF16_LE + WRONG.encode("utf-16-le"))


def found(level: Level = "error", rule: str = "A004", line: int = 1) -> LintFinding:
    return LintFinding(
        rule=rule, name="n", level=level, message="m", start=0, end=1, line=line, column=1
    )


def linted(*findings: LintFinding, file: str = "a.md", text: str = "Hello.") -> Linted:
    return Linted(file, LintReport(text=text, findings=findings))


# --- which file -------------------------------------------------------------------------------------


def test_file_that_cannot_be_read_is_named_and_the_others_are_checked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    named = ["wrong.txt", "missing.txt", "folder", "broken.bin", "large.txt", "good.txt"]
    status = main(["lint", *named])

    first, *rest = capsys.readouterr().out.splitlines()
    assert status == 2
    assert first.startswith("wrong.txt:2:16: A004 error: ")
    assert rest == [
        "missing.txt:1:1: error: missing.txt cannot be read: No such file or directory.",
        "folder:1:1: error: folder cannot be read: Is a directory.",
        "broken.bin:1:1: error: broken.bin is not UTF-8 text.",
        f"large.txt:1:1: error: {TOO_LONG}",
    ]


def test_single_file_that_cannot_be_read_is_an_error_as_ever(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["lint", "broken.bin"]) == 2
    assert capsys.readouterr().err.startswith("assay-nb: broken.bin is not UTF-8 text.")


@pytest.mark.parametrize("form", ["json", "github", "junit"])
def test_single_file_that_cannot_be_read_is_in_a_report_that_programs_read(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lint", "--format", form, "broken.bin"]) == 2

    shown = capsys.readouterr()
    assert "broken.bin is not UTF-8 text." in shown.out
    assert shown.err == ""


@pytest.mark.parametrize("name", ["marked.txt", "wide.txt", "-"])
def test_mark_that_an_editor_puts_first_is_no_finding_and_no_column(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    piped = io.TextIOWrapper(io.BytesIO(Path("marked.txt").read_bytes()), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", piped)

    main(["lint", "--json", name])
    (report,) = json.loads(capsys.readouterr().out)

    assert report["text"] == WRONG
    assert [(f["rule"], f["line"], f["column"]) for f in report["findings"]] == [("A004", 2, 16)]


# --- which form -------------------------------------------------------------------------------------


def test_person_at_a_terminal_gets_cards(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    status = main(["lint", "wrong.txt", "broken.bin", "good.txt"])

    shown = capsys.readouterr().out
    assert status == 2
    assert "broken.bin is not UTF-8 text." in shown
    assert "1 error." in shown
    assert shown.rstrip().endswith("✓ Pass Lint found nothing.")


def test_pipe_gets_lines(capsys: pytest.CaptureFixture[str]) -> None:
    shown: list[str] = []
    for options in ([], ["--format", "text"]):
        main(["lint", *options, "wrong.txt", "good.txt", "empty.txt"])
        shown.append(capsys.readouterr().out)

    first, second = shown[0].splitlines()
    assert shown[0] == shown[1]
    assert first.startswith("wrong.txt:2:16: A004 error: ")
    assert second == "empty.txt:1:1: warning: The prompt is empty."


def test_lines_of_a_good_file_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "good.txt"]) == 0
    assert capsys.readouterr().out == ""


def test_json_has_the_error_of_a_file_in_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    shown: list[str] = []
    for options in (["--json"], ["--format", "json"], ["--json", "--format", "junit"]):
        main(["lint", *options, "broken.bin", "wrong.txt"])
        shown.append(capsys.readouterr().out)

    broken, wrong = json.loads(shown[0])
    assert shown[0] == shown[1] == shown[2]
    assert (broken["file"], broken["error"]["code"]) == ("broken.bin", "wrong_usage")
    assert (wrong["file"], wrong["ok"]) == ("wrong.txt", False)


def test_github_gets_a_command_for_each_finding(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["lint", "--format", "github", "wrong.txt", "good.txt", "folder"])

    first, second = capsys.readouterr().out.splitlines()
    assert status == 2
    assert first.startswith("::error file=wrong.txt,line=2,col=16,title=A004::")
    assert second.startswith("::error file=folder,line=1,col=1::folder cannot be read")


def test_junit_has_a_suite_for_each_file(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["lint", "--format", "junit", "wrong.txt", "good.txt", "folder"])

    root = ElementTree.fromstring(capsys.readouterr().out)
    assert status == 2
    assert [(s.get("name"), s.get("failures"), s.get("errors")) for s in root] == [
        ("wrong.txt", "1", "0"),
        ("good.txt", "0", "0"),
        ("folder", "0", "1"),
    ]


def test_junit_fails_warnings_where_they_fail() -> None:
    files = [linted(found("warning"), found("hint"))]

    reports = [
        ElementTree.fromstring(write_linted(files, "junit", strict=strict))
        for strict in (False, True)
    ]
    assert [root.get("failures") for root in reports] == ["0", "1"]


@pytest.mark.parametrize("form", FORMS)
def test_no_form_writes_the_mark_of_a_file(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["lint", "--format", form, "marked.txt", "wide.txt"])

    shown = capsys.readouterr().out
    assert "A004" in shown
    assert "FEFF" not in shown.upper()
    assert "\ufeff" not in shown


# --- how many ---------------------------------------------------------------------------------------


def rows(files: Sequence[Linted], form: Written = "text") -> list[str]:
    return write_linted(files, form, strict=False).splitlines()


def test_as_many_lines_of_a_rule_as_a_hook_can_use_are_listed_and_the_others_counted() -> None:
    many = [found("warning", "A007", line) for line in range(1, 213)]

    listed = rows([linted(*many, found("error", line=300))])

    assert len(listed) == MOST_LISTED + 2 == 22
    assert listed[19] == "a.md:20:1: A007 warning: m"
    assert listed[20] == (
        "a.md:21:1: A007 warning: 192 more of this rule in this file (--format json lists all)"
    )
    assert listed[21] == "a.md:300:1: A004 error: m"


def test_twenty_of_a_rule_are_all_listed_in_each_file() -> None:
    few = [found(line=line) for line in range(1, MOST_LISTED + 1)]

    listed = rows([linted(*few), linted(*few, file="b.md")])

    assert len(listed) == 2 * MOST_LISTED
    assert not any("more of this rule" in line for line in listed)


def test_error_is_not_counted_among_hints_of_its_rule() -> None:
    hints = [found("hint", line=line) for line in range(1, 40)]

    assert rows([linted(*hints, found("error", line=40))])[-1] == "a.md:40:1: A004 error: m"


def test_github_folds_as_lines_do_and_data_has_all() -> None:
    files = [linted(*(found(line=line) for line in range(1, 101)))]

    assert len(rows(files, "github")) == MOST_LISTED + 1
    assert len(json.loads(write_linted(files, "json", strict=False))[0]["findings"]) == 100
    assert write_linted(files, "junit", strict=False).count("<failure") == 100


# --- status -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "lenient", "strict"),
    [
        (linted(), 0, 0),
        (linted(found("hint")), 0, 0),
        (linted(found("warning")), 0, 1),
        (linted(found("error")), 1, 1),
        (linted(text=" \n"), 0, 1),
        (Linted("b.md", UNREAD), 2, 2),
    ],
)
def test_strict_fails_warnings_too_and_hints_never(file: Linted, lenient: int, strict: int) -> None:
    assert file.exit_status(strict=False) == lenient
    assert file.exit_status(strict=True) == strict


def test_empty_file_is_told_and_not_passed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--format", "card", "empty.txt"]) == 0

    shown = capsys.readouterr().out
    assert "The prompt is empty: nothing was checked." in shown
    assert "Pass" not in shown


def test_strict_reaches_the_status() -> None:
    assert main(["lint", "--strict", "empty.txt"]) == 1
    assert main(["lint", "--strict", "good.txt"]) == 0
