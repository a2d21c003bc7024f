"""Fixes, applied together and one by one: they remove what they are for, and harm nothing else."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assay_nb.instruments.lint import LintReport, lint
from assay_nb.text.templates import covers, find_fences
from tests.corpus.planted import Prompt, load_pairs

NAMES = ["name", "text", "article", "city"]
VARIABLES = [
    "{{name}}", "{{nmae}}", "{{ name }}", "{name}", "{nmae}", "${name}", "{{Name}}", "{{name | upper}}", "{{text}}",
    "{text}", "${text}", "{{article}}", "{% if name %}", "{% endif %}", "{{#each name}}", "{{name}}}}",
]  # fmt: skip
TAGS = ["a", "doc", "text", "rules", "rule", "answer", "examples", "例"]
HOLES = [
    "1",
    '"x"',
    "{name}",
    "{{name}}",
    "{{nmae}}",
    "${name}",
    "<name>",
    '"{text}"',
    "null",
    '["x", "y"]',
]
LINES = [
    "Write one line for each guest.", "- Always answer in plain English.", "1. Cite the page of the book.",
    "Text:", "Question: {{text}}", "Text: {{text}}", "Example:", "Input: a", "Output: b", "## Rules", "---", "> Be kind.",
    "Sum it up!!", "You MUST reply. NEVER wait. ALWAYS cite.", "Think step by step.", "See rule 9.", "[topic]", "TODO: more",
    "Answer wi\u200bth care.", "Use\u202e five words.", "word\u00adless", "می\u200cخواهم", "用一句话\u200b回答。", "请总结下面的文本。", "以下を要約してください。",
]  # fmt: skip
CODE = ["x = {name}", 'print(f"{nmae}")', "<a>", "</a>", "a !! b", "see `x` and {{nmae}} there"]


@st.composite
def tagged(draw: st.DrawFn) -> str:
    """Return something between tags; now and then the first is missing or the last is misspelt.

    None is left open: whether that is a fault hangs on the other tags, and a fix may settle it.
    """
    name = draw(st.sampled_from(TAGS))
    closing = draw(st.sampled_from([name, name, name, f"{name}s", *TAGS]))
    gap = draw(st.sampled_from(["", "\n"]))
    inner = draw(st.sampled_from(LINES + VARIABLES))
    parts = [f"<{name}>", inner, f"</{closing}>"]
    return gap.join(parts[draw(st.sampled_from([0, 0, 0, 1])) :])


@st.composite
def json_examples(draw: st.DrawFn) -> str:
    values = draw(st.lists(st.sampled_from(HOLES), min_size=1, max_size=4))
    members = [f'"k{number}": {value}' for number, value in enumerate(values)]
    comma = draw(st.sampled_from([", ", ",\n", ",\n  "]))
    end = draw(st.sampled_from(["", "", ",", "\n"]))
    shown = f"{{{comma.join(members)}{end}}}"
    return draw(st.sampled_from([shown, f"\n```json\n{shown}\n```\n", f"Return {shown} only."]))


@st.composite
def fences(draw: st.DrawFn) -> str:
    lines = draw(st.lists(st.sampled_from(CODE), min_size=1, max_size=3))
    head = draw(st.sampled_from(["```", "```python"]))
    return "\n".join(["", head, *lines, "```", ""])


BLOCKS = st.one_of(
    st.sampled_from(LINES),
    st.lists(st.sampled_from(VARIABLES + LINES), min_size=1, max_size=4).map(" ".join),
    st.sampled_from(LINES).map(lambda line: f"{line}\n{line}"),
    tagged(),
    json_examples(),
    fences(),
)
END = (
    "Guests come from many countries, and most of them stay for two nights. The house has nine rooms on three "
    "floors, a garden with old trees, and a kitchen that opens at seven in the morning."
)
"""Prose behind each prompt, so that no example fills most of it: it would then be the prompt itself."""
PROMPTS = st.builds(
    lambda blocks, gap: gap.join(blocks) + f"\n\n{END}",
    st.lists(BLOCKS, min_size=1, max_size=8),
    st.sampled_from(["\n", "\n\n", " "]),
)
BOUND = st.sampled_from([None, NAMES])
CORPUS = [
    pytest.param(prompt, id=f"{pair.id}-{'faulty' if prompt.rule else 'clean'}")
    for pair in load_pairs()
    for prompt in (pair.clean, pair.faulty)
]


def rules_of(report: LintReport) -> Counter[str]:
    return Counter(finding.rule for finding in report.findings)


def assert_fixes_add_nothing(text: str, **known: object) -> str:
    """Return the text with all fixes, which has no finding that was not there before."""
    before = lint(text, **known)  # pyright: ignore[reportArgumentType]
    fixed = before.apply_fixes(text)
    after = lint(fixed, **known)  # pyright: ignore[reportArgumentType]
    assert rules_of(after) - rules_of(before) == Counter()
    assert after.counts["error"] <= before.counts["error"]
    return fixed


def overlap(report: LintReport) -> bool:
    """Whether two fixes are about the same words; then only the first of them is applied."""
    fixes = sorted((f.fix.start, f.fix.end) for f in report.findings if f.fix)
    return any(after[0] < before[1] for before, after in pairwise(fixes))


HOLE = re.compile(r"\$?\{\{?\s?\w+\s?\}?\}|<name>")


def count_json(text: str) -> int:
    """Return how many objects of the text are JSON once each hole holds a number."""
    filled = HOLE.sub("0", text)
    decoder = json.JSONDecoder()
    position = count = 0
    while (start := filled.find("{", position)) >= 0:
        try:
            _, position = decoder.raw_decode(filled, start)
            count += 1
        except ValueError:
            position = start + 1
    return count


def assert_code_stays(text: str, report: LintReport) -> None:
    """Check that within code a fix only deletes what is hidden or a comma of JSON, or corrects a name.

    `{{name}}` is filled in wherever it is, so a slip in it is one in code too.
    """
    code = find_fences(text)
    for finding in report.findings:
        fix = finding.fix
        if fix and finding.rule != "A004" and covers(code, fix.start):
            changed = (finding.rule, text[fix.start : fix.end], fix.replacement)
            assert changed in {("A005", ",", ""), ("A001", "{{nmae}}", "{{name}}")}


def test_fix_is_applied_to_the_prompt_as_given() -> None:
    text = "Hello {{nmae}}, say n\u200bo."
    report = lint(text, variables=["name"])

    assert report.apply_fixes(text) == "Hello {{name}}, say no."
    assert report.apply_fixes(text, rules=["A004"]) == "Hello {{nmae}}, say no."


def test_of_two_fixes_for_the_same_words_the_first_is_applied() -> None:
    text = "{{artcle_text}}\nSum it up in one line."
    report = lint(text, variables=["article_text"])
    once = report.apply_fixes(text)

    assert overlap(report)
    assert once == "{{article_text}}\nSum it up in one line."
    assert lint(once, variables=["article_text"]).apply_fixes(once) == (
        "<article_text>{{article_text}}</article_text>\nSum it up in one line."
    )


@pytest.mark.slow
@settings(deadline=None)  # the machine may be busy
@given(PROMPTS, BOUND)
@example("Greet {nmae}.", NAMES)
def test_fixes_together_add_no_finding(text: str, bound: Collection[str] | None) -> None:
    assert_fixes_add_nothing(text, variables=bound)


@pytest.mark.slow
@settings(deadline=None)  # the machine may be busy
@given(PROMPTS, BOUND)
@example("{name} and {{name}} and {{Name}}", None)
def test_each_fix_alone_removes_its_finding(text: str, bound: Collection[str] | None) -> None:
    report = lint(text, variables=bound)
    for finding in report.findings:
        if finding.fix is None:
            continue

        fix = finding.fix
        after = lint(text[: fix.start] + fix.replacement + text[fix.end :], variables=bound)

        assert rules_of(after)[finding.rule] < rules_of(report)[finding.rule]
        assert after.counts["error"] <= report.counts["error"]


@pytest.mark.slow
@settings(deadline=None)  # the machine may be busy
@given(PROMPTS, BOUND)
@example("Greet {nmae}.", NAMES)
def test_second_pass_changes_nothing(text: str, bound: Collection[str] | None) -> None:
    report = lint(text, variables=bound)
    fixed = report.apply_fixes(text)
    if not overlap(report):
        assert lint(fixed, variables=bound).apply_fixes(fixed) == fixed


@pytest.mark.slow
@settings(deadline=None)  # the machine may be busy
@given(PROMPTS, BOUND)
def test_json_that_parses_does_so_after_the_fixes(text: str, bound: Collection[str] | None) -> None:
    fixed = lint(text, variables=bound).apply_fixes(text)

    assert count_json(fixed) >= count_json(text)


@pytest.mark.slow
@settings(deadline=None)  # the machine may be busy
@given(PROMPTS, BOUND)
def test_code_is_left_as_it_is(text: str, bound: Collection[str] | None) -> None:
    assert_code_stays(text, lint(text, variables=bound))


@pytest.mark.parametrize("prompt", CORPUS)
def test_fixes_of_the_corpus_add_nothing_and_are_final(prompt: Prompt) -> None:
    fixed = assert_fixes_add_nothing(prompt.text, **prompt.known)

    assert lint(fixed, **prompt.known).apply_fixes(fixed) == fixed
    assert count_json(fixed) >= count_json(prompt.text)
    assert_code_stays(prompt.text, lint(prompt.text, **prompt.known))
