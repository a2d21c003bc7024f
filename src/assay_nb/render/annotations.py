"""What a check says about files, as programs read it: lines, GitHub's commands, JUnit's XML."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from assay_nb.render.characters import show_hidden

Level = Literal["unchecked", "error", "warning", "hint"]
"""How bad it is; `"unchecked"` is the file that could not be checked."""

_WORDS: dict[Level, str] = {
    "unchecked": "error",
    "error": "error",
    "warning": "warning",
    "hint": "hint",
}
_COMMANDS: dict[Level, str] = {**_WORDS, "hint": "notice"}


@dataclass(frozen=True, slots=True)
class Annotation:
    """One thing that a check says about one place in a file.

    Attributes:
        file: The file, as the caller named it.
        line: The line, counted from 1.
        column: The column, in code points, counted from 1.
        level: How bad it is.
        code: What found it, such as the rule `"A005"`; empty where that has no name.
        message: What it is, in one sentence.
    """

    file: str
    line: int
    column: int
    level: Level
    code: str
    message: str


def to_lines(annotations: Iterable[Annotation]) -> str:
    """Return a line for each annotation, in the form of compilers: `a.md:2:7: A005 error: …`."""
    return "".join(f"{_line(one)}\n" for one in annotations)


def to_github(annotations: Iterable[Annotation]) -> str:
    """Return a workflow command for each annotation, which GitHub Actions shows beside its line."""
    return "".join(f"{_command(one)}\n" for one in annotations)


def to_junit(
    files: Iterable[str],
    annotations: Iterable[Annotation],
    *,
    name: str,
    failing: Collection[Level] = ("error",),
) -> str:
    """Return a JUnit report: a suite for each file, a failed test for each annotation that fails.

    A file without such an annotation has one test that passed; one that could not be checked has an
    error. Elements and attributes are those of Jenkins' schema, which is what other readers take too.
    The text is ASCII, so that it is right in whatever encoding it is written.

    Args:
        files: Every file that was to be checked, those without an annotation too.
        annotations: What was said about them.
        name: The check's name.
        failing: Levels that fail. Others are left out.
    """
    cases: dict[str, list[Annotation]] = {file: [] for file in files}
    for one in annotations:
        if one.level == "unchecked" or one.level in failing:
            cases.setdefault(one.file, []).append(one)
    root = ElementTree.Element("testsuites", name=_unbroken(name))
    for file, failed in cases.items():
        root.append(_suite(file, failed, name))
    for total in ("tests", "failures", "errors"):
        root.set(total, str(sum(int(suite.get(total, "0")) for suite in root)))
    ElementTree.indent(root)
    written = ElementTree.tostring(root, encoding="us-ascii").decode("ascii")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{written}\n'


def _line(one: Annotation) -> str:
    level = f"{one.code} {_WORDS[one.level]}".lstrip()
    return _unbroken(f"{one.file}:{one.line}:{one.column}: {level}: {one.message}")


def _unbroken(text: str) -> str:
    """Return text as one line without anything that a terminal obeys or that XML 1.0 forbids."""
    return " ".join(show_hidden(text).split("\n"))


def _command(one: Annotation) -> str:
    named = {
        "file": one.file,
        "line": str(one.line),
        "col": str(one.column),
        **({"title": one.code} if one.code else {}),
    }
    properties = ",".join(f"{key}={_escape_property(value)}" for key, value in named.items())
    return f"::{_COMMANDS[one.level]} {properties}::{_escape_data(one.message)}"


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")


def _suite(file: str, failed: Collection[Annotation], name: str) -> ElementTree.Element:
    unchecked = sum(one.level == "unchecked" for one in failed)
    named = _unbroken(file)
    suite = ElementTree.Element(
        "testsuite",
        name=named,
        file=named,
        tests=str(len(failed) or 1),
        failures=str(len(failed) - unchecked),
        errors=str(unchecked),
        skipped="0",
    )
    for one in failed:
        kind, title = "failure", f"{one.code or name} at {one.line}:{one.column}"
        if one.level == "unchecked":
            kind, title = "error", name
        case = ElementTree.SubElement(suite, "testcase", classname=named, name=_unbroken(title))
        said = {"type": _unbroken(one.code or one.level), "message": _unbroken(one.message)}
        ElementTree.SubElement(case, kind, said).text = _line(one)
    if not failed:
        ElementTree.SubElement(suite, "testcase", classname=named, name=_unbroken(name))
    return suite
