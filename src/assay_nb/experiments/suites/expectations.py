"""Expectations of a case: what code can check of an output, which outranks the judge."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast


@dataclass(frozen=True, slots=True)
class Case:
    """One case: values for the prompt's variables, and what is expected of the output."""

    values: Mapping[str, Any]
    expect: Mapping[str, Any] = field(default_factory=dict[str, Any])


def _words(value: Any) -> list[str]:
    return (
        [str(one) for one in cast("list[Any]", value)] if isinstance(value, list) else [str(value)]
    )


def _object(output: str) -> dict[str, Any]:
    try:
        value = json.loads(output)
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


CHECKS: Mapping[str, Callable[[str, Any], bool]] = {
    "equals": lambda output, value: output.strip() == str(value).strip(),
    "contains": lambda output, value: all(word.lower() in output.lower() for word in _words(value)),
    "not_contains": lambda output, value: (
        not any(word.lower() in output.lower() for word in _words(value))
    ),
    "matches": lambda output, value: re.search(str(value), output) is not None,
    "json_keys": lambda output, value: set(_words(value)) <= set(_object(output)),
    "json": lambda output, value: all(_object(output).get(k) == v for k, v in value.items()),
    "max_length": lambda output, value: len(output) <= int(value),
}
"""Everything that `expect` can name."""


def find_failed(case: Case, output: str) -> list[str]:
    """Return the expectations that an output does not meet."""
    return [name for name, value in case.expect.items() if not CHECKS[name](output, value)]
