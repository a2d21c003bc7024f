"""JSON examples in a prompt: what is a fault, and what only looks like one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_nb.instruments.lint.examples import find_stray_braces
from assay_nb.instruments.lint.json_faults import find_faults
from assay_nb.instruments.lint.source import Source


def faults(prompt: str) -> list[tuple[str, str]]:
    """Return each fault with the rest of its line, from where it is reported."""
    return [
        (fault.what, example.text[fault.position :].partition("\n")[0])
        for example in Source(original=prompt).json_examples
        for fault in find_faults(example.text, named=example.named)
    ]


def fenced(code: str, kind: str = "json") -> str:
    return f"Reply in this form:\n\n```{kind}\n{code}\n```\n\nNothing else."


@pytest.mark.parametrize(
    "example",
    [
        '{"city": {city}, "mood": "", "reply": {reply}}',
        '{"city": {{city}}, "reply": {{ reply | tojson }}}',
        '{"city": {{{city}}}, "reply": ${reply}, "day": <day>, "size": <number>}',
        '{"city": [city], "tags": [...], "days": […], "note": ...}',
        '{"city": {json.dumps(city)}, "zip": {place.zip}, "day": {row["day"]}}',
        '{"city": %s, "zip": %(zip)s}',
        '{"city": "{city}, {{zip}} and <street>"}',
        '{{"city": {city}, "day": {{"month": "May"}}}}',
        '[{{"city": "{city}"}}, {{"city": {other}}}]',
        '{"days": [{% for day in days %}{"day": {{day}}},{% endfor %}]}',
        '{"city": string, "size": int|null, "score": 1-5, "open": true/false}',
        '{"city": "Rome" | "Oslo", "mood": "good" or "bad"}',
        '{"city": "Rome", ...}',
        '{"city": "Rome", "mood": "good", ... , "score": 5}',
        '[{"city": "Rome"}, {"city": "Oslo"}, ...]',
        '{"city": the city\'s name, "mood": its people\'s mood}',
        '{"city": "Rome", // where it is\n "mood": "good",\n}',
        '{\n  "city": string  // where it is\n  "mood": string  // how it is\n}',
        '{\n  "city": <name>\n  "mood": <word>\n}',
        '{"city": "Rome"}\n{"city": "Oslo"}\n{"city": "Bonn"}',
        '{"city": "Rome"} is a full reply, {"mood": 3} is not.',
        '{"city": "Rome", "sights": {"old": ["Forum", "Pantheon"], "new": []}, "open": null}',
        '{\n  "city": "Rome",\n\n  "mood": "good"\n}',
    ],
)
def test_hole_type_or_ellipsis_is_not_a_fault(example: str) -> None:
    prompt = f"Reply with JSON like this:\n{example}\n\nNothing else."
    assert Source(original=prompt).json_examples
    assert faults(prompt) == []


@pytest.mark.parametrize(
    "prompt",
    [
        fenced("{'city': 'Rome', 'mood': None,}", "python"),
        fenced('const place = {"city": "Rome",};', ""),
        fenced("interface Place {\n  name: string;\n  open: boolean;\n}", "ts"),
        fenced('- "city": "Rome"\n+ {"city": "Oslo",}', "diff"),
        "Call `save({city: \"Rome\", 'mood': 3,})` at the end.",
        'Call save(\n  {"city": "Rome",}\n) at the end.',
        'place = {"city": "Rome", "mood": 3,}\n\nWhat does it hold?',
        'Pass in a dictionary: {"city": "Rome",}\n\nWhat does it hold?',
        "The places are {'city': 'Rome'} and {'city': 'Oslo'}.",
        'Write `{role: "user", "max-size": 3}` in the call.',
        '{% set moods = {"good": 0, "bad": 1,} %}The mood is {{moods[mood]}}.',
        fenced('{"compilerOptions": {"strict": true,}}').replace(
            "in this form", "as tsconfig.json"
        ),
    ],
)
def test_other_code_is_not_json(prompt: str) -> None:
    assert faults(prompt) == []


@pytest.mark.parametrize(
    ("example", "what", "place"),
    [
        ('{"a": 1,}', "a comma before the closing bracket", ",}"),
        ('{"a": ["x", "y",]}', "a comma before the closing bracket", ",]}"),
        ('{{"a": {x}, "b": "y", "c": 1,}}', "a comma before the closing bracket", ",}}"),
        ('{"a": <number>, "b": "y",}', "a comma before the closing bracket", ",}"),
        ('{"a": 5\n "b": 6}', "a comma is missing", "5"),
        ('{"a": 4.25\n "b": 6}', "a comma is missing", "5"),
        ('{"a": true\n "b": 6}', "a comma is missing", "e"),
        ('{"a": null "b": 6}', "a comma is missing", 'l "b": 6}'),
        ('{"a": "x"\n "b": 6}', "a comma is missing", '"'),
        ('{"a": {"x": 1}\n "b": 6}', "a comma is missing", "}"),
        ('{"a": ["x"]\n "b": 6}', "a comma is missing", "]"),
        ('{"a": [\n"x"\n"y"\n]}', "a comma is missing", '"'),
        ('[{"a": 1}\n{"a": 2}]', "a comma is missing", "}"),
        ('{"a": "x",  25\n "b": "y"}', "a stray `25`", "25"),
        ('{"a": "x"25\n "b": "y"}', "a stray `25`", "25"),
        ('{"a": "x".,\n "b": "y"}', "a stray `.`", ".,"),
        ('{\n"a": "one\n two",\n"b": "y"\n}', "a line break within a string", '"one'),
        ('{"a": {"x": ["y"}, "b": 2}', "`[` is never closed", '["y"}, "b": 2}'),
        (
            '{"a": "the "old" one", "b": 2}',
            "a quote within a string has no backslash",
            '"old" one"',
        ),
        ('{"a": "x,\n "b": "y"}', "a quote is never closed", '"x,'),
        ('{"a": "x",\n "b:": "y",\n "c": 1}', "a colon within the key's quotes", ':": "y",'),
        ('{Train of thought: "x", "answer": "y"}', "a key without quotation marks", "Train of"),
    ],
)
def test_fault_is_reported_where_it_is(example: str, what: str, place: str) -> None:
    ((reported, rest),) = faults(
        f"For instance:\n\n{example}\n\nKeep each reply as short as that one is."
    )
    assert reported == what
    assert rest.startswith(place)


@pytest.mark.parametrize(
    ("example", "what"),
    [
        ("{'city': 'Rome', 'mood': 3}", "single quotes"),
        ('{\n  city: "Rome",\n  mood: 3\n}', "a key without quotation marks"),
        ('{\n  "city": "Rome";\n  "mood": 3\n}', "a semicolon for a comma"),
    ],
)
def test_other_notation_is_a_fault_only_where_json_is_asked_for(example: str, what: str) -> None:
    assert [found for found, _ in faults(fenced(example))] == [what]
    assert [found for found, _ in faults(f"Return valid JSON:\n{example}\n\nNo more.")] == [what]
    assert faults(f"Return this:\n{example}\n\nNothing else, and keep it short.") == []


def test_single_quotes_are_reported_once() -> None:
    assert len(faults(fenced("[{'city': 'Rome'}, {'city': 'Oslo'}]"))) == 1


def test_one_prompt_may_mix_several_faults() -> None:
    example = '{\n  minutes: "(how many)";\n  value-count: "(a list)",\n}'
    assert [what for what, _ in faults(f"Write valid JSON:\n\n{example}\n\nNo more.")] == [
        "a key without quotation marks",
        "a semicolon for a comma",
        "a comma before the closing bracket",
    ]


@pytest.mark.parametrize(
    "prompt",
    [
        fenced('{\n  "city": "Rome",\n  "moods": ["good"]'),
        'An example:\n\n{\n  "city": "Rome",\n  "moods": ["good"]\n\nNow write about this place.',
    ],
)
def test_bracket_that_stays_open_where_the_example_ends_is_reported(prompt: str) -> None:
    assert faults(prompt) == [("`{` is never closed", "{")]


@pytest.mark.parametrize(
    "prompt",
    [
        'Place: {{place}}\n\nReply:\n{\n  "city": "Rome"',
        'Place: {{place}}\n\nReply:\n```json\n{"city": "',
        'Reply as JSON and begin with\n\n{\n  "city":\n\nThen come the others.',
        fenced('{\n  "city": "Rome",\n  ...'),
        'Begin with {"city": "Rome"\n\nThen come the others.',
    ],
)
def test_beginning_of_a_reply_is_not_an_open_bracket(prompt: str) -> None:
    assert Source(original=prompt).json_examples
    assert faults(prompt) == []


def test_data_that_the_template_fills_in_is_not_judged() -> None:
    wrapped = '{\n  "question": "{{question}}",\n  "answer": "{{answer}}",\n}'
    assert faults(f"Judge this answer:\n\n{wrapped}\n\nIs it true? Say yes or no.") == []
    shown = wrapped.replace("{{question}}", "Is it late?").replace("{{answer}}", "No.")
    assert len(faults(f"Judge this answer:\n\n{shown}\n\nIs it true? Say yes or no.")) == 1


def test_prompt_in_json_notation_is_not_an_example() -> None:
    assert faults('{\n  "role": "You are a guide.",\n  "task": "Show us the city.",\n}') == []


def test_wrapped_placeholder_is_not_a_broken_string() -> None:
    shown = '{\n  "why": "Say why it is so. Keep to\n   one sentence.",\n  "verdict": "yes|no"\n}'
    assert faults(f"Use this form:\n\n{shown}\n\nNothing else, please, and no more.") == []


def test_comma_in_a_schema_counts_only_where_it_is_called_json() -> None:
    schema = '{"type": "object", "properties": {"city": {"type": "string",}}}'
    assert faults(f"The tool takes\n\n{schema}\n\nas its only input, so call it that way.") == []
    assert len(faults(fenced(schema))) == 1


def test_fence_around_an_example_bounds_it() -> None:
    prompt = '```\n{"a": 1}\n```\nand\n~~~json\n{"b": 2,}\n~~~\n'
    first, second = Source(original=prompt).json_examples
    assert (first.text, second.text) == ('{"a": 1}', '{"b": 2,}')
    assert (first.named, second.named) == (False, True)


@pytest.mark.parametrize(
    ("text", "stray"),
    [
        ("{{item.answer}}}}\n", ["}}"]),
        ("{{ answer | trim }}}}", ["}}"]),
        ("{% if x %}a{% endif %}}", ["}"]),
        ("{{a}}}} and {% endif %}}", ["}}", "}"]),
        ("{{answer}} and {{{answer}}}", []),
        ('{"a": {{answer}}}', []),
        ('{"a": {"b": {{answer}}}}', []),
        ("\\frac{{{a}}}{{{b}}}", []),
        ("f({ {% if x %}1{% endif %}})", []),
        ("{{{{answer}}}}", []),
        ("a } and } b", []),
        ("{{answer}}}", []),
    ],
)
def test_brace_too_many_behind_a_tag_is_found(text: str, stray: list[str]) -> None:
    assert [text[start:end] for start, end in find_stray_braces(text)] == stray


HOLES = (
    "{city}",
    "{{city}}",
    "<city>",
    "<number>",
    "...",
    "%s",
    "{place.city}",
    "{{ city | trim }}",
)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=12)
KEYS = st.text(
    st.characters(categories=["L", "Nd"], include_characters="_- "), min_size=1, max_size=8
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | WORDS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, VALUES, min_size=2, max_size=5)
PLAIN_OBJECTS = st.dictionaries(KEYS, SCALARS, min_size=2, max_size=5)
INDENTS = st.sampled_from([None, 0, 2, "\t"])


def put_holes(value: Any, draw: st.DrawFn) -> Any:
    """Return the value with some of its scalars replaced by a mark that stands for a hole."""
    if isinstance(value, dict):
        return {key: put_holes(inner, draw) for key, inner in value.items()}
    if isinstance(value, list):
        return [put_holes(inner, draw) for inner in value]
    hole = draw(st.sampled_from([None, None, *range(len(HOLES))]))
    return value if hole is None else f"@hole {hole}@"


@st.composite
def documents_with_holes(draw: st.DrawFn) -> str:
    text = json.dumps(
        put_holes(draw(OBJECTS), draw), indent=draw(INDENTS), ensure_ascii=draw(st.booleans())
    )
    for number, hole in enumerate(HOLES):
        text = text.replace(f'"@hole {number}@"', hole)
    return text


@pytest.mark.slow
@given(documents_with_holes())
def test_valid_document_has_no_fault(document: str) -> None:
    assert find_faults(document, named=True) == []
    assert faults(f"Reply with JSON:\n{document}\n\nNothing else.") == []


@given(PLAIN_OBJECTS, st.data())
def test_deleted_comma_is_found(value: dict[str, Any], data: st.DataObject) -> None:
    lines = json.dumps(value, indent=2).split("\n")
    number = data.draw(st.integers(1, len(value) - 1))
    assert lines[number].endswith(",")
    lines[number] = lines[number][:-1]
    text = "\n".join(lines)
    (fault,) = find_faults(text)
    assert fault.what == "a comma is missing"
    assert fault.position == sum(len(line) + 1 for line in lines[: number + 1]) - 2


@pytest.mark.slow
@given(OBJECTS, st.data())
def test_comma_before_a_closing_bracket_is_found_and_its_fix_is_whole(
    value: dict[str, Any], data: st.DataObject
) -> None:
    lines = json.dumps(value, indent=2).split("\n")
    closing = [n for n, line in enumerate(lines) if line.strip() in {"}", "]", "},", "],"}]
    chosen = data.draw(st.sets(st.sampled_from(closing), min_size=1))
    for number in chosen:
        lines[number - 1] += ","
    text = "\n".join(lines)
    found = find_faults(text)
    assert len(found) == len(chosen)
    for fault in reversed(found):
        assert fault.deletable
        assert text[fault.position] == ","
        text = text[: fault.position] + text[fault.position + 1 :]
    assert json.loads(text) == value


@given(st.text(st.sampled_from("{}[]\"':,;<>%$#/\\ \na1.…"), max_size=80))
def test_any_text_is_read_without_an_error(text: str) -> None:
    for example in Source(original=text).json_examples:
        assert text[example.start : example.end] == example.text
        for fault in find_faults(example.text, named=True):
            assert 0 <= fault.position < len(example.text)
    assert all(set(text[start:end]) == {"}"} for start, end in find_stray_braces(text))
    assert all(fault.what for fault in find_faults(text, named=True))
