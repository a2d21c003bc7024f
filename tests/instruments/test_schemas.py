"""Every schema that is sent keeps to the subset that `messages.Request` states."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from assay_nb.instruments.catalog import INSTRUMENTS
from assay_nb.instruments.judge.criteria import MOST_CRITERIA
from assay_nb.messages import Reply, Request
from tests.instruments.driving import PROMPT, make_critique, make_finding, run

MOST_PROPERTIES = 64
MOST_LEVELS = 5
MOST_BYTES = 4_000
_KEYWORDS = {
    "object": {"type", "properties", "required", "additionalProperties"},
    "array": {"type", "items"},
    "string": {"type", "enum"},
}
_RUBRIC = "\n".join(f"- Statement {n} holds. (1-5)" for n in range(MOST_CRITERIA))
_REVIEW = run("critique", make_critique(*[make_finding(problem=f"Fault {n}.") for n in range(24)]))
_CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "critique": ("critique", {}),
    "improve": ("improve", {}),
    "improve what was found": ("improve", {"findings": _REVIEW}),
    "rewrite": ("rewrite", {}),
    "judge": ("judge", {"output": "It is done.", "rubric": _RUBRIC}),
    "judge two": ("judge", {"output": "It is.", "against": "Not.", "rubric": _RUBRIC}),
}
_CASES = [(name, lists) for name in _CALLS for lists in (False, True)]


def first_requests(name: str, lists: bool) -> tuple[Request, ...]:
    instrument, options = _CALLS[name]
    return next(INSTRUMENTS[instrument].start(PROMPT, {**options, "_ends_lists": lists}))


def repairs(name: str, lists: bool) -> Iterator[Request]:
    """Yield what is asked after a reply that lacks all but one member, or one member of one."""
    for request in first_requests(name, lists)[:1]:
        for kept in fill(request.schema or {}):
            instrument, options = _CALLS[name]
            script = INSTRUMENTS[instrument].start(PROMPT, {**options, "_ends_lists": lists})
            asked = next(script)
            try:
                yield from script.send(tuple([Reply(json.dumps(kept), "end")] * len(asked)))
            except StopIteration:
                continue


def fill(schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield {}
    whole = _fill(schema)
    for name, value in whole.items():
        yield {name: value}
        if isinstance(value, dict):
            yield {name: dict(list(value.items())[:1])}


def _fill(schema: Mapping[str, Any]) -> Any:
    if schema["type"] == "object":
        return {name: _fill(member) for name, member in schema["properties"].items()}
    return [] if schema["type"] == "array" else schema.get("enum", ["words"])[0]


def _fill_up(schema: Mapping[str, Any], words: str, items: int = 12) -> Any:
    """Return what a talkative model could write: twelve items in a list, two in one within, and long texts."""
    if schema["type"] == "object":
        members: Mapping[str, Any] = schema["properties"]
        return {name: _fill_up(member, words, items) for name, member in members.items()}
    if schema["type"] == "array":
        return [_fill_up(schema["items"], words, 2)] * items
    return max(schema.get("enum", [words]), key=len)


def walk(schema: Mapping[str, Any], level: int = 0) -> Iterator[tuple[Mapping[str, Any], int]]:
    """Yield each schema within one, with the number of objects and arrays around it."""
    yield schema, level
    for part in (*schema.get("properties", {}).values(), *filter(None, [schema.get("items")])):
        yield from walk(part, level + 1)


def check(request: Request) -> None:
    schema = request.schema
    assert schema is not None
    parts = list(walk(schema))
    assert len(json.dumps(schema)) < MOST_BYTES
    assert max(level for _, level in parts) <= MOST_LEVELS
    assert sum(len(part.get("properties", ())) for part, _ in parts) <= MOST_PROPERTIES
    for part, _ in parts:
        assert isinstance(part["type"], str)
        assert set(part) <= _KEYWORDS[part["type"]]
        if part["type"] == "object":
            assert part["additionalProperties"] is False
            assert part["required"] == list(part["properties"])
            assert all(name.replace("_", "a").isalnum() for name in part["properties"])
            assert all(name == name.lower() for name in part["properties"])


@pytest.mark.parametrize(("name", "lists"), _CASES)
def test_schema_is_in_the_subset(name: str, lists: bool) -> None:
    for request in first_requests(name, lists):
        check(request)


@pytest.mark.parametrize(("name", "lists"), _CASES)
def test_schema_of_a_repair_is_in_the_subset(name: str, lists: bool) -> None:
    asked = list(repairs(name, lists))

    assert asked
    for request in asked:
        check(request)


@pytest.mark.parametrize("name", _CALLS)
def test_a_model_that_is_not_known_gets_no_list(name: str) -> None:
    for request in (*first_requests(name, False), *repairs(name, False)):
        assert all(part["type"] != "array" for part, _ in walk(request.schema or {}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}]}}},
        {"type": "object", "properties": {"a": {"type": ["string", "null"]}}},
        {"type": "object", "properties": {}, "required": [], "additionalProperties": True},
        {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        {"type": "string", "enum": ["x" * 4_000]},
    ],
)
def test_a_schema_outside_of_the_subset_would_be_seen(wrong: dict[str, Any]) -> None:
    """Positive control of the tests above."""
    with pytest.raises((AssertionError, KeyError)):
        check(Request(messages=(), schema=wrong))


@pytest.mark.parametrize(("name", "lists"), _CASES)
def test_no_reply_that_is_of_use_is_as_long_as_one_that_is_stopped(name: str, lists: bool) -> None:
    for request in first_requests(name, lists):
        read = sum(len(message.text) for message in request.messages)
        longest = request.longest or 0
        whole = json.dumps(_fill_up(request.schema or {}, "w" * 500), indent=4)

        assert len(whole) + 10 * read < longest
        assert longest < 200_000
