"""What would reach the model unfilled: which syntax it is, what to write, and what is only text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay_nb.errors import WrongUsage
from assay_nb.text.placeholders import (
    check_blocks,
    describe_placeholders,
    find_placeholders,
    refuse_unfilled,
)

COLUMNS = ("ticket", "label", "Order id")

PLACES = {
    "prose": "Sort {{{{ticket}}}}, and not as {}.",
    "fence": "Sort {{{{ticket}}}}.\n```\n{}\n```\n",
    "code": "Sort {{{{ticket}}}}, and not as `{}`.",
    "json": 'Sort {{{{ticket}}}}. Answer {{"team": "{}", "why": "…"}}.',
    "tag": "Sort {{{{ticket}}}}. Answer {} billing</label>.",
}

NAMED = {
    "{label}": ("an f-string's braces", {"prose", "code", "tag"}),
    "{ label }": ("an f-string's braces", {"prose", "code", "tag"}),
    "{label!r:>10}": ("an f-string's braces", {"prose", "code", "tag"}),
    "{label:.2f}": ("an f-string's braces", {"prose", "code", "tag"}),
    "{label.name}": ("an f-string's braces", {"prose", "code", "tag"}),
    "${label}": ("a shell-style variable", {"prose", "code", "tag"}),
    "${label:billing}": ("a shell-style variable", {"prose", "code", "tag"}),
    "$label": ("a shell-style variable", {"prose", "code", "tag"}),
    "$LABEL": ("a shell-style variable", {"prose", "code", "tag"}),
    "${{label}}": ("a dollar sign beside the braces", {"prose", "code", "json", "tag"}),
    "{{$label}}": ("a dollar sign beside the braces", {"prose", "code", "json", "tag"}),
    "<label>": ("angle brackets", {"prose"}),
    "<LABEL>": ("angle brackets", {"prose"}),
    "[label]": ("square brackets", {"prose", "tag"}),
    "[LABEL]": ("square brackets", {"prose", "tag"}),
    "【label】": ("lenticular brackets", {"prose", "tag"}),
    "{{ label | upper }}": ("Jinja", {"prose", "json", "tag"}),
    "{{- label -}}": ("Jinja", {"prose", "json", "tag"}),
    "{{ label.name }}": ("Jinja", {"prose", "fence", "code", "json", "tag"}),
    "{{~label~}}": ("Handlebars", {"prose", "json", "tag"}),
}

BLOCKS = {
    "{% if label %}": "Jinja",
    "{%- for t in tickets -%}": "Jinja",
    "{# ask politely #}": "Jinja",
    "{{#if label}}": "Handlebars",
    "{{#each tickets}}": "Handlebars",
    "{{/if}}": "Handlebars",
    "{{else}}": "Handlebars",
    "{{else if label}}": "Handlebars",
    "{{> footer}}": "Handlebars",
    "{{^label}}": "Handlebars",
    "{{! a comment }}": "Handlebars",
    "{{~#if label}}": "Handlebars",
}


def found(prompt: str) -> list[tuple[str, str, str | None]]:
    return [(p.text, p.family, p.write) for p in find_placeholders(prompt, COLUMNS)]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", NAMED)
def test_column_in_another_syntax_is_found_where_it_is_not_text(text: str, place: str) -> None:
    family, places = NAMED[text]

    expected = [(text, family, "{{label}}")] if place in places else []

    assert found(PLACES[place].format(text)) == expected


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", BLOCKS)
def test_block_of_a_template_is_found_outside_code(text: str, place: str) -> None:
    places = find_placeholders(PLACES[place].format(text), COLUMNS)

    expected = [] if place in {"fence", "code"} else [(text, BLOCKS[text], None, True)]

    assert [(p.text, p.family, p.write, p.is_block) for p in places] == expected


@pytest.mark.parametrize(
    "text", ["{order_id}", "{Order id}", "$ORDER_ID", "<order-id>", "[ORDER ID]", "{{Order id|e}}"]
)
def test_name_is_a_columns_in_any_case_and_with_any_separator(text: str) -> None:
    assert [(t, write) for t, _, write in found(f"{{{{ticket}}}} {text}")] == [
        (text, "{{Order id}}")
    ]


def test_name_that_no_column_has_is_text() -> None:
    assert found("{{ticket}} {team} $team ${team} <team> [team] 【team】 {{team}}") == []


@pytest.mark.parametrize(
    "text",
    [
        "See [label](https://example.com) and [label][1].",
        "[label]: https://example.com",
        "row[label] and List<label>",
        r"\text{label} and \$label and $label$",
        'f"{label}"',
        "import {label}",
        "US$label",
        "{label: string}",
    ],
)
def test_link_index_code_and_formula_are_text(text: str) -> None:
    assert found(f"{text} {{{{ticket}}}}") == []


def test_ticked_box_of_a_list_is_text() -> None:
    assert find_placeholders("- [x] {{y}}\n- [ ] no", ["x", "y"]) == []


def test_brackets_around_a_column_that_is_filled_in_elsewhere_refer_to_it() -> None:
    assert found("Read the [ticket] in <ticket>:\n{{ticket}}") == []
    assert [text for text, _, _ in found("Read {ticket}:\n{{ticket}}")] == ["{ticket}"]


def test_braces_in_json_that_is_filled_in_are_placeholders() -> None:
    assert found('{"ticket": "{{ticket}}", "label": "{label}"}') == [
        ("{label}", "an f-string's braces", "{{label}}")
    ]


def test_braces_in_json_whose_own_are_doubled_are_placeholders() -> None:
    assert found('{{ticket}} Return {{"team": "{label}"}}') == [
        ("{label}", "an f-string's braces", "{{label}}")
    ]


def test_code_that_is_filled_in_is_no_example_of_a_template() -> None:
    assert [text for text, _, _ in found("```\n{% if label %}{{ticket}}{% endif %}\n```")] == [
        "{% if label %}",
        "{% endif %}",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sort {{{ticket}}}.", [("{{{ticket}}}", "triple braces", "{{ticket}}")]),
        ('{"user": {{{ticket}}}}', []),
        (r"\textbf{{{ticket}}}", []),
    ],
)
def test_outer_braces_that_stay_around_a_value_are_found_in_prose(
    text: str, expected: list[tuple[str, str, str]]
) -> None:
    assert found(text) == expected


def test_jinja_expression_is_found_whatever_its_name() -> None:
    assert found("{{ticket}} {{ now() }} {{ team | upper }}") == [
        ("{{ now() }}", "Jinja", None),
        ("{{ team | upper }}", "Jinja", None),
    ]


def test_column_whose_name_has_a_dot_is_filled_in() -> None:
    assert find_placeholders("{{ticket.title}}", ["ticket", "ticket.title"]) == []


def test_place_is_a_line_and_a_column() -> None:
    places = find_placeholders("{label}\n{{ticket}}\n  [label] {label}", COLUMNS)

    assert [(p.text, p.line, p.column) for p in places] == [
        ("{label}", 1, 1),
        ("[label]", 3, 3),
        ("{label}", 3, 11),
    ]


# --- what is said -----------------------------------------------------------------------------------


def told(prompt: str) -> tuple[str, ...]:
    return describe_placeholders(find_placeholders(prompt, COLUMNS))


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        (
            "{{ticket}} {label}",
            "`{label}` is sent as it stands: write `{{label}}` to put the column there.",
        ),
        (
            "{{ticket}}\n\n$LABEL $LABEL",
            "`$LABEL` in line 3 is sent as it stands: write `{{label}}` to put the column there.",
        ),
        (
            "{{ticket}} {{ label | upper }}",
            (
                "`{{ label | upper }}` is Jinja, which is not run here, and is sent as it stands: "
                "write `{{label}}` to put the column there."
            ),
        ),
        (
            "{{ticket}} {{ now() }}",
            "`{{ now() }}` is Jinja, which is not run here, and is sent as it stands.",
        ),
        (
            "{{{ticket}}}",
            "`{{{ticket}}}` keeps its outer braces: write `{{ticket}}` to put the column there alone.",
        ),
    ],
)
def test_sentence_says_what_is_sent_and_what_to_write(prompt: str, sentence: str) -> None:
    assert told(prompt) == (sentence,)


@pytest.mark.parametrize(
    ("more", "last"),
    [
        ("[label]", "1 more placeholder is not filled either."),
        ("[label] 【label】 [label]", "2 more placeholders are not filled either."),
    ],
)
def test_three_distinct_placeholders_are_named_and_the_others_counted(more: str, last: str) -> None:
    sentences = told(f"{{{{ticket}}}} {{label}} {{label}} $label <label> {more}")

    assert [sentence.partition(" ")[0] for sentence in sentences[:3]] == [
        "`{label}`",
        "`$label`",
        "`<label>`",
    ]
    assert sentences[3:] == (last,)


def test_blocks_are_refused_beside_a_variable_with_their_language_and_line() -> None:
    with pytest.raises(WrongUsage) as caught:
        check_blocks("Sort {{ticket}}.\n{% if vip %}Hurry.{% endif %}")

    assert caught.value.message == (
        "The prompt has Jinja blocks from line 2 on (`{% if vip %}`, `{% endif %}`), which are not run here."
    )
    assert caught.value.hint == (
        "Render the template first, or take the blocks out. A block that is only shown goes between "
        "backticks or into a code fence."
    )


def test_handlebars_blocks_are_refused_by_name() -> None:
    with pytest.raises(
        WrongUsage, match=r"Handlebars blocks from line 1 on \(`\{\{#if ticket\}\}`"
    ):
        check_blocks("{{#if ticket}}Sort {{ticket}}.{{/if}}")


def test_prompt_that_nothing_is_filled_in_may_speak_of_blocks() -> None:
    check_blocks("What does {% if x %} do?")

    with pytest.raises(WrongUsage, match="Jinja blocks"):
        check_blocks("What does {% if x %} do?", given=True)


@pytest.mark.parametrize(
    ("prompt", "message", "hint"),
    [
        (
            "Sort {{ ticket | upper }}.",
            "`{{ ticket | upper }}` is Jinja, which is not run here, so every row would be the same call.",
            "Write {{ticket}}.",
        ),
        (
            "Sort {ticket}.",
            "`{ticket}` is not filled in here, so every row would be the same call.",
            "Write {{ticket}}.",
        ),
        (
            "Sort {ticket}, not as $LABEL.",
            "`{ticket}` and `$LABEL` are not filled in here, so every row would be the same call.",
            "Write {{ticket}} and {{label}}.",
        ),
        (
            "Sort {team}.",
            "`{team}` is not filled in here, so every row would be the same call.",
            "Put a column into it: {{ticket}}.",
        ),
        (
            "Sort it.",
            "The prompt has no variable, so every row would be the same call.",
            "Put a column into it: {{ticket}}.",
        ),
    ],
)
def test_refusal_of_a_prompt_without_a_variable_names_what_it_has(
    prompt: str, message: str, hint: str
) -> None:
    refusal = refuse_unfilled(prompt, COLUMNS)

    assert (refusal.message, refusal.hint) == (message, hint)


# --- whatever the text --------------------------------------------------------------------------------


@settings(deadline=None)  # the machine may be busy
@given(st.text(alphabet='{}$%#<>[]/ab |:\n`"~_\\', max_size=80))
def test_placeholders_are_ordered_disjoint_verbatim_and_in_their_place(text: str) -> None:
    position = 0
    lines = text.split("\n")
    for one in find_placeholders(text, ["a", "b", "ab"]):
        assert position <= one.start < one.end
        assert text[one.start : one.end] == one.text
        assert lines[one.line - 1][one.column - 1 :].startswith(one.text.partition("\n")[0])
        position = one.end
