"""What a check says about files: as lines, as GitHub's workflow commands, as JUnit's XML."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from assay_nb.render.annotations import Annotation, Level, to_github, to_junit, to_lines

ONE = Annotation("a.md", 2, 7, "error", "A005", "The tag `<b>` is never closed.")
UNREAD = Annotation("b.md", 1, 1, "unchecked", "", "b.md cannot be read: Is a directory.")

JENKINS = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": {
        "name", "tests", "failures", "errors", "group", "time", "skipped", "timestamp", "hostname", "id",
        "package", "file", "log", "url",
    },
    "testcase": {"name", "time", "classname", "group"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
}  # fmt: skip
"""The attributes of each element in the schema that Jenkins' xUnit plugin checks reports by."""


def junit(*annotations: Annotation, files: tuple[str, ...] = ("a.md",)) -> ElementTree.Element:
    text = to_junit(files, annotations, name="check")
    root = ElementTree.fromstring(text)
    for element in root.iter():
        assert set(element.attrib) <= JENKINS[element.tag]
    return root


def counts(element: ElementTree.Element) -> tuple[int, ...]:
    tests, failures, errors = (int(element.attrib[n]) for n in ("tests", "failures", "errors"))
    return tests, failures, errors


# --- lines ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "line"),
    [
        (ONE, "a.md:2:7: A005 error: The tag `<b>` is never closed.\n"),
        (replace(ONE, level="hint"), "a.md:2:7: A005 hint: The tag `<b>` is never closed.\n"),
        (replace(ONE, code=""), "a.md:2:7: error: The tag `<b>` is never closed.\n"),
        (UNREAD, "b.md:1:1: error: b.md cannot be read: Is a directory.\n"),
        (replace(ONE, message="a\nb"), "a.md:2:7: A005 error: a b\n"),
        (replace(ONE, message="\x1b[2J\u202e"), "a.md:2:7: A005 error: ⟨U+001B⟩[2J⟨U+202E⟩\n"),
    ],
)
def test_line_has_place_rule_level_and_message(annotation: Annotation, line: str) -> None:
    assert to_lines([annotation]) == line


def test_nothing_to_say_is_no_line() -> None:
    assert to_lines([]) == to_github([]) == ""


# --- GitHub -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "command"),
    [("error", "error"), ("warning", "warning"), ("hint", "notice"), ("unchecked", "error")],
)
def test_command_is_named_after_the_level(level: Level, command: str) -> None:
    written = to_github([replace(ONE, level=level)])

    place = "file=a.md,line=2,col=7,title=A005"
    assert written == f"::{command} {place}::The tag `<b>` is never closed.\n"


@pytest.mark.parametrize(
    ("file", "message", "written"),
    [
        ("50%, a:b.md", "m", "::error file=50%25%2C a%3Ab.md,line=2,col=7,title=A005::m\n"),
        ("a.md", "50%\r\n::error::x", "50%25%0D%0A::error::x\n"),
        ("a.md", "commas, and colons: stay", "::commas, and colons: stay\n"),
        ("a\nb.md", "m", "::error file=a%0Ab.md,line=2,col=7,title=A005::m\n"),
    ],
)
def test_no_character_ends_a_command_early(file: str, message: str, written: str) -> None:
    command = to_github([replace(ONE, file=file, message=message)])

    assert command.endswith(written)
    assert len(command.splitlines()) == 1


def test_command_of_what_has_no_code_has_no_title() -> None:
    assert to_github([UNREAD]).startswith("::error file=b.md,line=1,col=1::b.md cannot be read")


# --- JUnit ------------------------------------------------------------------------------------------


def test_each_file_is_a_suite_and_each_error_a_failed_test() -> None:
    other = replace(ONE, line=9, message="Another.")
    root = junit(ONE, other, UNREAD, files=("a.md", "b.md", "good.md"))

    assert root.tag == "testsuites"
    assert [(suite.get("name"), counts(suite)) for suite in root] == [
        ("a.md", (2, 2, 0)),
        ("b.md", (1, 0, 1)),
        ("good.md", (1, 0, 0)),
    ]
    assert counts(root) == (4, 2, 1)
    assert [(c.get("classname"), c.get("name"), len(c)) for c in root.iter("testcase")] == [
        ("a.md", "A005 at 2:7", 1),
        ("a.md", "A005 at 9:7", 1),
        ("b.md", "check", 1),
        ("good.md", "check", 0),
    ]


def test_failure_has_rule_message_and_place() -> None:
    (failure,) = junit(ONE).iter("failure")

    assert failure.attrib == {"type": "A005", "message": ONE.message}
    assert failure.text == "a.md:2:7: A005 error: The tag `<b>` is never closed."


def test_file_that_could_not_be_checked_is_an_error() -> None:
    (error,) = junit(UNREAD, files=("b.md",)).iter("error")

    assert error.get("message") == "b.md cannot be read: Is a directory."


def test_warning_fails_only_where_it_is_said_to() -> None:
    warning, hint = replace(ONE, level="warning"), replace(ONE, level="hint")
    strict = to_junit(["a.md"], [warning, hint], name="check", failing=("error", "warning"))

    assert counts(junit(warning, hint)) == (1, 0, 0)
    assert counts(ElementTree.fromstring(strict)) == (1, 1, 0)


@pytest.mark.parametrize(
    ("message", "read"),
    [
        ("<b> & \"c\" 'd' ]]>", "<b> & \"c\" 'd' ]]>"),
        ("ü ✗ 🔑", "ü ✗ 🔑"),
        ("a\x00b\x0b\x1b", "a⟨U+0000⟩b⟨U+000B⟩⟨U+001B⟩"),
        ("half \ud83d of a pair", "half ⟨U+D83D⟩ of a pair"),
        ("\ufffe\uffff", "⟨U+FFFE⟩⟨U+FFFF⟩"),
        ("a\r\nb", "a b"),
    ],
)
def test_xml_is_read_back_as_it_was_meant(message: str, read: str) -> None:
    (failure,) = junit(replace(ONE, file=f"{message}.md", message=message), files=()).iter(
        "failure"
    )

    assert failure.get("message") == read
    assert failure.text == f"{read}.md:2:7: A005 error: {read}"


def test_xml_is_right_in_any_encoding_that_it_is_written_in() -> None:
    assert to_junit(["ü.md"], [], name="check").isascii()
