"""Reading of JSON replies: which of several objects is the reply, and what cannot be taken for one."""

from __future__ import annotations

import json

import pytest

from assay_nb.instruments.exchange.parsing import parse_object, parse_partial
from assay_nb.instruments.exchange.schema import Malformed
from assay_nb.instruments.exchange.structured_output import Form, ask
from assay_nb.messages import Message, Reply, Request

ANSWER = {"answers": [1], "summary": "fine"}
TEXT = json.dumps(ANSWER)
THOUGHTS = (
    'The shape is {"answers": []}. Let me do it.',
    "The prompt has {{ticket}} and {} in it.",
    "It wants an object like {}.",
    "Sets are {a, b}; " + "{{x}} " * 200,
    'An open one: {"answers": [',
)


@pytest.mark.parametrize("thoughts", THOUGHTS)
@pytest.mark.parametrize(
    "reply",
    ["<think>\n{}\n</think>\n\n{}", "{}\n</think>\n{}", "<Reasoning>{}</REASONING>{}", "{}\n{}"],
)
def test_braces_in_thoughts_are_not_the_reply(thoughts: str, reply: str) -> None:
    assert parse_object(reply.replace("{}", thoughts, 1)[:-2] + TEXT) == ANSWER


@pytest.mark.parametrize(
    "reply",
    [
        TEXT,
        f"```json\n{TEXT}\n```",
        f"Here it is:\n{TEXT}",
        f"{TEXT}\nI hope it helps {{you}}.",
        f"\n{TEXT}\n{{}}",
    ],
)
def test_object_is_found_within_what_is_around_it(reply: str) -> None:
    assert parse_object(reply) == ANSWER


def test_last_object_that_fits_is_the_reply() -> None:
    text = '{"a": 1} {"a": 2} {"b": 3}'

    assert parse_object(text) == {"b": 3}
    assert parse_object(text, lambda data: "a" in data) == {"a": 2}
    assert parse_object(text, lambda data: "c" in data) == {"b": 3}


def test_outermost_object_that_fits_is_the_reply() -> None:
    assert parse_object('{"a": {"a": {}}}', lambda data: "a" in data) == {"a": {"a": {}}}


@pytest.mark.parametrize(
    "reply",
    [
        f'{{"response": {TEXT}}}',
        f'{{"name": "critique", "arguments": {{"reply": {TEXT}}}}}',
        f'{{"type": "object", "properties": {TEXT}}}',
        json.dumps(TEXT),
        TEXT.replace("[1]", "[1, ]").replace("}", ",\n}"),
    ],
)
def test_object_in_a_wrapper_or_with_a_comma_too_many_is_the_reply(reply: str) -> None:
    assert parse_object(reply, lambda data: "answers" in data) == ANSWER


def test_comma_in_a_string_stays() -> None:
    assert parse_object('{"a": "x,]", "b": ",}",}') == {"a": "x,]", "b": ",}"}


def test_object_that_is_nested_too_deep_is_not_the_reply() -> None:
    text = '{"x": ' * 4 + TEXT + "}" * 4

    assert parse_object(text, lambda data: "answers" in data) == json.loads(text)


@pytest.mark.parametrize(
    "text", ["", "no", "{", "{{a}}", "[1]", '{"a": NaN}', f"<think>{TEXT}", '{"a": 1']
)
def test_text_without_an_object_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_object(text)


def test_object_after_many_that_break_off_is_found() -> None:
    assert parse_object('{"a": ! ' * 30 + TEXT) == ANSWER


@pytest.mark.parametrize("start", ["<think>{}</think>", 'Like {"a": 1}.</think>', ""])
def test_object_that_is_still_being_written_is_read_behind_the_thoughts(start: str) -> None:
    assert parse_partial(f'{start}{{"summary": "fi') == {"summary": "fi"}


def test_reply_is_the_object_that_matches_the_schema() -> None:
    schema = {
        "type": "object",
        "properties": {"score": {"type": "string"}},
        "required": ["score"],
        "additionalProperties": False,
    }
    asking = ask(Request(messages=(Message("user", "x"),), schema=schema), Form(bool, ()))
    next(asking)

    with pytest.raises(StopIteration) as done:
        asking.send((Reply('{"score": "7"}, where {"score": 7} would be wrong', "end"),))
    assert done.value.value.data == {"score": "7"}
