"""What is a variable, what is not, and what filling in leaves alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay_nb.errors import WrongUsage
from assay_nb.text.templates import Variable, fill, find_bound_names, find_fences, find_variables


def found(text: str) -> list[tuple[str, str]]:
    return [(v.family, v.name) for v in find_variables(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Summarise {{ticket}}.", [("mustache", "ticket")]),
        ("Summarise {{ ticket }}.", [("mustache", "ticket")]),
        (
            "{{Customer name}} and {{order-id}}",
            [("mustache", "Customer name"), ("mustache", "order-id")],
        ),
        ("Bonjour {{prénom}}", [("mustache", "prénom")]),
        ("Summarise {ticket} now", [("brace", "ticket")]),
        ("{first}{last}", [("brace", "first"), ("brace", "last")]),
        ("file_{name}.txt", [("brace", "name")]),
        ("costs {price:.2f} for {user.name}", [("brace", "price"), ("brace", "user.name")]),
        ("Act as ${Role:tutor} for ${Name}", [("dollar", "Role"), ("dollar", "Name")]),
        ("{{ text | upper }}", [("jinja", "text")]),
        ("{{ choices[label] }}", [("jinja", "choices")]),
        ("{% if x %}a{% endif %}", [("jinja", "if"), ("jinja", "endif")]),
        (
            "{{#each rows}}{{name}}{{/each}}",
            [("mustache", "#each"), ("mustache", "name"), ("mustache", "/each")],
        ),
        ('{"reply": "{answer}"}', [("brace", "answer")]),
        ('Return {{"a": 1, "b": "{value}"}}', [("brace", "value")]),
        ("```\n{code}\n```", [("brace", "code")]),
        ("```\n{{code}} + 1\n```", [("mustache", "code")]),
    ],
)
def test_placeholder_is_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '{"a": {"b": []}}',
        "{}",
        "{{}}",
        '{{"a": 1}}',
        "{ name }",
        "{label: string, score: number}",
        r"\frac{a}{b} and \text{name} and \begin{table}",
        "x_{i} and x^{n}",
        "a{3} or {0}",
        'f"Hello {name}"',
        "```python\nprint({name})\nd = {x}\n```",
        "import {useState} from 'react'",
        "${{ secrets.TOKEN }}",
        "set {a, b}",
        "{% unclosed",
        "{{ unclosed",
    ],
)
def test_brace_that_names_nothing_is_no_variable(text: str) -> None:
    assert found(text) == []


def test_block_is_marked_as_one() -> None:
    kinds = [v.kind for v in find_variables("{% for a in b %}{{ a }}{% endfor %}")]

    assert kinds == ["block", "variable", "block"]


def test_default_of_a_dollar_variable_is_kept() -> None:
    assert find_variables("${Role:a strict tutor}") == [
        Variable("Role", "dollar", 0, 22, "${Role:a strict tutor}", default="a strict tutor")
    ]


def test_names_that_the_template_binds_itself_are_known() -> None:
    text = "{% for key, value in items %}{{key}}{% endfor %}{% set total = 3 %}"

    assert find_bound_names(text) == {"key", "value", "loop", "total"}


def test_fence_closes_only_with_its_own_kind() -> None:
    text = "~~~\n```\n~~~\nafter"

    assert find_fences(text) == [(0, 11)]


def test_fill_replaces_our_variables_and_nothing_else() -> None:
    text = 'Hi {{ name }},\nreturn {"a": {b}} or {{x|upper}} {% if y %}\n'

    assert fill(text, {"name": "Ada"}) == 'Hi Ada,\nreturn {"a": {b}} or {{x|upper}} {% if y %}\n'


def test_value_that_looks_like_a_variable_is_not_filled_again() -> None:
    assert fill("{{a}} {{b}}", {"a": "{{b}}", "b": 2}) == "{{b}} 2"


def test_missing_values_are_all_named() -> None:
    with pytest.raises(WrongUsage, match=r"\{\{a\}\}, \{\{b\}\} have no value") as caught:
        fill("{{a}} {{b}} {{a}} {{c}}", {"c": 1})

    assert caught.value.hint == "There are values for: c."


def test_triple_braces_keep_their_outer_pair() -> None:
    assert fill('{"user": {{{name}}}}', {"name": "x"}) == '{"user": {x}}'


@settings(deadline=None)  # the machine may be busy
@given(st.text(alphabet="{}$%ab |:\n`~_\\^", max_size=80))
def test_variables_are_ordered_disjoint_and_verbatim(text: str) -> None:
    position = 0
    for variable in find_variables(text):
        assert position <= variable.start < variable.end
        assert text[variable.start : variable.end] == variable.text
        position = variable.end


@settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=60), st.text(max_size=60))
def test_text_without_our_variables_is_filled_to_itself(before: str, after: str) -> None:
    text = re.sub(r"\{\{|\}\}", "", before + after)

    assert fill(text, {}) == text


@settings(deadline=None)  # the machine may be busy
@given(
    st.lists(
        st.one_of(
            st.from_regex(r"[a-z ,.]{0,12}", fullmatch=True),
            st.sampled_from(["one", "two", "three_4"]).map(lambda name: f"{{{{ {name} }}}}"),
            st.sampled_from(["one", "five"]).map(lambda name: f"{{{{ {name} | upper }}}}"),
        ),
        max_size=12,
    )
)
def test_names_equal_those_in_jinjas_own_tree(pieces: list[str]) -> None:
    jinja2 = pytest.importorskip("jinja2")
    meta = pytest.importorskip("jinja2.meta")
    text = "".join(pieces)

    undeclared = meta.find_undeclared_variables(jinja2.Environment().parse(text))

    assert {v.name for v in find_variables(text)} == undeclared
