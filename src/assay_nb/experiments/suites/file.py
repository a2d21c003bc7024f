"""Suite files: cases, what is expected of them, and a bar, in one file beside the notebook.

A suite is plain JSON or YAML:

    name: tickets
    prompt: "Classify …: {{ticket}}"        # or prompt_file: prompt.txt
    threshold: 0.9
    cases:
      - values: {ticket: "My invoice is wrong"}
        expect: {equals: billing}
      - values: {ticket: "Where is my parcel?"}
        expect: {contains: [shipping], not_contains: [billing]}
    rubric: ["- It is one word."]           # optional: asked of a judge, where the expectations hold

What code can check, code checks, and it outranks the judge: a case whose expectations fail scores 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from assay_nb.errors import WrongUsage
from assay_nb.experiments.suites.expectations import CHECKS, Case
from assay_nb.instruments.judge import RubricLike
from assay_nb.plain_files import read_plain

_LARGEST = 16 * 1024 * 1024
"""Bytes of a suite, or of the prompt that it names."""

_KNOWN = (
    "name",
    "prompt",
    "prompt_file",
    "model",
    "system",
    "threshold",
    "cases",
    "rubric",
    "schema",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A suite, as its file describes it.

    Attributes:
        name: What it is called.
        prompt: The prompt that is evaluated.
        cases: The cases.
        rubric: Asked of a judge where the expectations hold; None asks nobody.
        threshold: The score from 0 to 1 that it has to reach.
        model: The model; None takes the workspace's choice.
        system: Standing instructions that go with the prompt.
    """

    name: str
    prompt: str
    cases: tuple[Case, ...]
    rubric: RubricLike | None = None
    threshold: float = 1.0
    model: str | None = None
    system: str | None = None


def read_suite(path: Path) -> Suite:
    """Return the suite of a file.

    Raises:
        WrongUsage: If it is no suite; the message says what is wrong, and where.
    """
    data = _parse(path)
    unknown = sorted(set(data) - set(_KNOWN))
    if unknown:
        raise WrongUsage(
            f"{path} has '{unknown[0]}', which no suite has.", hint=f"It has {', '.join(_KNOWN)}."
        )
    prompt = data.get("prompt")
    if isinstance(data.get("prompt_file"), str):
        prompt = read_text(path.parent / data["prompt_file"])
    if not isinstance(prompt, str):
        raise WrongUsage(f"{path} has no prompt.", hint="prompt: …, or prompt_file: prompt.txt")
    listed = data.get("cases")
    if not isinstance(listed, list) or not listed:
        raise WrongUsage(f"{path} has no cases.", hint="cases: [{values: {…}, expect: {…}}]")
    cases = tuple(
        _read_case(case, number, path) for number, case in enumerate(cast("list[Any]", listed))
    )
    return Suite(
        name=str(data.get("name") or path.stem),
        prompt=prompt,
        cases=cases,
        rubric=data.get("rubric"),
        threshold=float(data.get("threshold", 1.0)),
        model=data.get("model"),
        system=data.get("system"),
    )


def read_text(path: Path) -> str:
    """Return a file's text, or say that it cannot be read."""
    try:
        return read_plain(path, _LARGEST).decode("utf-8-sig")  # an editor may begin it with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{path} cannot be read{_because(error)}.") from error


def _because(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return ": it is not UTF-8 text"
    return f": {error.strerror}" if error.strerror else ""


def _parse(path: Path) -> dict[str, Any]:
    text = read_text(path)
    is_yaml = path.suffix.lower() in {".yaml", ".yml"}
    data: Any = _parse_yaml(path, text) if is_yaml else _parse_json(path, text)
    if not isinstance(data, dict):
        raise WrongUsage(f"{path} is no suite: it has to be a mapping.")
    return cast("dict[str, Any]", data)


def _parse_json(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise WrongUsage(f"{path} is not valid JSON: {error}.") from None


def _parse_yaml(path: Path, text: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise WrongUsage(
            f"{path} is YAML, and PyYAML is not installed.",
            hint="`pip install pyyaml`, or use JSON.",
        ) from None
    try:
        return yaml.safe_load(text)  # never `load`: a suite may come from a stranger
    except yaml.YAMLError as error:
        mark: Any = getattr(error, "problem_mark", None)
        where = f", at line {mark.line + 1}" if mark else ""
        raise WrongUsage(f"{path} is not valid YAML{where}.") from None


def _read_case(case: Any, number: int, path: Path) -> Case:
    if not isinstance(case, Mapping):
        raise WrongUsage(f"Case {number} of {path} is no mapping.")
    fields = cast("Mapping[str, Any]", case)
    values: Mapping[str, Any] = fields.get("values") or {}
    expect: Mapping[str, Any] = fields.get("expect") or {}
    unknown = sorted(set(expect) - set(CHECKS))
    if unknown:
        raise WrongUsage(
            f"Case {number} of {path} expects '{unknown[0]}', which is not known.",
            hint=f"There are {', '.join(CHECKS)}.",
        )
    if "matches" in expect:
        try:
            re.compile(str(expect["matches"]))
        except re.error:
            raise WrongUsage(f"Case {number} of {path}: its pattern cannot be read.") from None
    return Case(dict(values), dict(expect))
