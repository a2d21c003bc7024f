"""The report as a whole: determinism, places, fixes, comments that switch rules off, and how it shows."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay_nb.instruments.lint import RULES, LintReport, lint
from tests.attacks.test_redos import assert_linear
from tests.canaries import find_canary, make_canary


def rules_of(report: LintReport) -> list[str]:
    return [finding.rule for finding in report.findings]


def test_clean_prompt_passes_in_one_line() -> None:
    report = lint("Translate the text in <text>{{text}}</text> into French.")

    assert report.findings == ()
    assert report.ok
    assert repr(report).strip() == "✓ Pass Lint found nothing."


def test_report_has_counts_and_no_score() -> None:
    data = lint("Write a short summary for [reader].\n</b>").to_dict()

    assert data["counts"] == {"error": 1, "warning": 1, "hint": 1}
    assert data["ok"] is False
    assert "score" not in json.dumps(data)


def test_report_survives_json() -> None:
    report = lint("Write a short note to {{nmae}}.", variables=["name"])

    assert LintReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report


def test_finding_says_line_and_column_from_one() -> None:
    [finding] = lint("Greet the user.\nWrite a short summary.").findings

    assert (finding.line, finding.column) == (2, 9)
    assert (finding.start, finding.end) == (24, 29)


def test_comment_beside_text_ignores_a_rule_on_its_line_alone() -> None:
    report = lint("Write a short email. # assay: ignore A010\nWrite a brief summary.")

    assert [finding.line for finding in report.findings] == [2]


def test_comment_alone_on_a_line_is_about_the_next_one() -> None:
    report = lint("<!-- assay: ignore A010 -->\n\nWrite a short email.\nWrite a brief summary.")

    assert [finding.line for finding in report.findings] == [4]


def test_file_comment_ignores_a_rule_everywhere_and_no_other() -> None:
    report = lint("# assay: ignore-file A010, A004\nWrite a short email.\nSay n\u200bo.\n</rules>")

    assert rules_of(report) == ["A005"]


def test_comment_without_an_id_ignores_nothing() -> None:
    assert rules_of(lint("Write a short email. # assay: ignore")) == ["A010"]


def test_key_stands_nowhere_in_the_report() -> None:
    key = make_canary("openai")
    report = lint(f"Use {key} to log in. TODO: {key}")

    shown = repr(report) + json.dumps(report.to_dict()) + json.dumps(report._repr_mimebundle_()[0])

    assert "A003" in rules_of(report)
    assert find_canary(f"Use {key}", key)
    assert find_canary(shown, key) == []
    assert len(report.text) == len(f"Use {key} to log in. TODO: {key}")


def test_ids_are_in_order_and_unique() -> None:
    ids = [rule.id for rule in RULES]

    assert ids == sorted(set(ids))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rule_reports_its_own_bad_example_and_not_its_good_one(rule) -> None:
    known = {
        "variables": ["customer"] if rule.id == "A001" else None,
        "model": "claude-opus-5-5" if rule.needs_model else None,
    }
    knobs = {"temperature": 0} if rule.id == "A012" else None  # no words of the prompt are at fault

    assert rule.id in rules_of(lint(rule.bad, knobs=knobs, **known))
    assert rules_of(lint(rule.good, **known)) == []


def test_import_is_light() -> None:
    code = (
        "import sys, assay_nb.instruments.lint\n"
        "heavy = {'pydantic', 'httpx2', 'asyncio', 'sqlalchemy', 'scipy', 'IPython'} & set(sys.modules)\n"
        "raise SystemExit(str(heavy) if heavy else 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


PIECES = st.sampled_from(
    [
        "{{x}}",
        "{x}",
        "${x}",
        "{{nmae}}",
        "<rules>",
        "</rules>",
        "</rule>",
        "<doc>",
        "```json",
        "```",
        '{"a":',
        "1,}",
        "[",
        "{",
        "}",
        "]",
        ",",
        ":",
        '"',
        "'",
        "#",
        "-",
        "1.",
        "Write",
        "short",
        "Do",
        "not",
        "never",
        "must",
        "MUST",
        "JSON",
        "only",
        "explain",
        "\u200b",
        "\u202e",
        "TODO:",
        "!!",
        "50",
        "words",
        "at_least",
        "Summarise",
        "#",
        "assay:",
        "ignore",
        "A005",
        "Return",
        "the",
        "label",
        ".",
        "?",
        "\n",
        "\n\n",
        "Schreibe",
        "kurz",
        "Réponds",
        "brièvement",
        "Escribe",
        "breve",
    ]
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=40).map(" ".join))


@pytest.mark.slow
@settings(deadline=None)  # the machine may be busy
@given(TEXTS)
def test_any_text_is_read_and_spans_stay_within_it(text: str) -> None:
    report = lint(text, variables=["x", "name"], model="claude-opus-5-5")

    assert report == lint(text, variables=["x", "name"], model="claude-opus-5-5")
    for finding in report.findings:
        assert 0 <= finding.start <= finding.end <= len(text)
        if finding.fix:
            assert 0 <= finding.fix.start <= finding.fix.end <= len(text)


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [
        "{{a}} {b} ",
        "<a>",
        "<a>\n",
        "</a>",
        "</a>\n",
        "<a ",
        "<a>\n```\nx\n</a>\n",
        "<a>\n```\n</a>\n```\n",
        "<examples>\n",
        "{",
        "[x] ",
        "word [topic] ",
        " \n",
        "# ",
        "# a\n",
        "Example:\n",
        "Example 1:\na\n\nb\n\n",
        "Q: a\nA: b\n",
        "user:\na\nassistant:\nb\n",
        "Write one line for each guest.\n",
        "word ",
    ],
)
def test_whole_report_takes_linear_time(piece: str) -> None:
    assert_linear(lint, piece, 40_000)


@pytest.mark.slow
@pytest.mark.parametrize(
    "form", ["<a{}>\n", "</a{}>\n", "<a{}>\nx\n</a{}>\n", "{{{{a{}}}}} ", "# a{}\n"]
)
def test_distinct_names_take_linear_time(form: str) -> None:
    names = "".join(form.format(number, number) for number in range(4_000))

    assert_linear(lint, names, len(names))
