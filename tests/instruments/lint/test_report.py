"""How a lint report reads, and how much of it goes into a notebook."""

from __future__ import annotations

import json
from dataclasses import replace

from assay_nb import lint
from assay_nb.instruments.lint import LintFinding, LintFix, LintReport
from assay_nb.instruments.lint.report import MOST_SAVED, MOST_SHOWN
from assay_nb.instruments.lint.rule import Level

JSON = "application/vnd.assay.lint.v1+json"
LINE = "Take yes or no.\n"


def found(line: int, rule: str = "A004", level: Level = "error") -> LintFinding:
    """Return a finding about the first word of a line of `report`'s text."""
    start = (line - 1) * len(LINE)
    return LintFinding(
        rule=rule,
        name=f"name-of-{rule}",
        level=level,
        message=f"Number {line}.",
        start=start,
        end=start + 4,
        line=line,
        column=1,
        fix=LintFix(start, start + 4, ""),
    )


def report(*findings: LintFinding) -> LintReport:
    ordered = sorted(findings, key=lambda finding: finding.start)
    return LintReport(text=LINE * max(f.line for f in findings), findings=tuple(ordered))


def forms(shown: LintReport) -> list[str]:
    bundle, _ = shown._repr_mimebundle_()
    return [bundle[form] for form in ("text/plain", "text/html", "text/markdown")]


def test_five_findings_of_a_rule_are_all_shown_in_the_order_of_the_text() -> None:
    for shown in forms(report(*map(found, range(1, 6)))):
        places = [shown.index(f"Number {line}.") for line in range(1, 6)]
        assert places == sorted(places)
        assert "more" not in shown


def test_more_of_a_rule_are_its_first_three_with_their_places_and_a_count() -> None:
    for shown in forms(report(*(found(7 * line) for line in range(1, 216)))):
        assert shown.count("name-of-A004") == 3
        assert [f"At line {line}, column 1." in shown for line in (7, 14, 21, 28)] == [
            True, True, True, False,
        ]  # fmt: skip
        one_line = " ".join(shown.split())
        assert "212 more of the same, on lines 28, 35, 42, 49, 56, 63, 70, 77, 84, 91 …" in one_line
        assert "more in" not in shown


def test_count_stands_behind_the_third_and_the_next_rule_behind_the_count() -> None:
    text = str(report(*map(found, range(1, 9)), found(20, "A005")))

    order = ["Number 3.", "5 more of the same, on lines 4, 5, 6, 7, 8\n", "Number 20."]
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)


def test_lines_are_named_once() -> None:
    twice = [found(1), found(2), found(3), found(4), found(4), found(4)]

    assert str(report(*twice)).endswith("3 more of the same, on line 4")


def test_error_is_not_folded_into_hints_of_its_rule() -> None:
    hints = [found(line, level="hint") for line in range(1, 20)]

    assert "Number 20." in str(report(*hints, found(20)))


def test_all_findings_are_kept_whatever_is_shown() -> None:
    many = report(*map(found, range(1, 301)))

    assert len(many.findings) == 300
    assert many.apply_fixes(many.text) == " yes or no.\n" * 300


def test_report_of_many_rules_shows_the_first_and_counts_the_rest() -> None:
    rules = [f"A{number:03}" for number in range(1, 21)]
    many = report(*(found(line, rule) for rule in rules for line in range(1, 5)))
    more = len(many.findings) - MOST_SHOWN

    for shown in forms(many):
        assert f"{more} more in" in shown
        assert shown.count("name-of-A") == MOST_SHOWN


def test_errors_come_before_what_is_left_out() -> None:
    rules = [f"A{number:03}" for number in range(10, 20)]
    warnings = [found(line, rule, "warning") for rule in rules for line in range(1, 5)]

    assert "Number 50." in str(report(*warnings, found(50)))


def test_what_goes_into_a_notebook_is_bounded() -> None:
    bundle, _ = report(*map(found, range(1, 9_001)))._repr_mimebundle_()

    assert len(json.dumps(bundle)) < 600_000
    assert len(bundle[JSON]["findings"]) == MOST_SAVED
    assert bundle[JSON]["omitted"] == 9_000 - MOST_SAVED
    assert bundle[JSON]["counts"]["error"] == 9_000


def test_json_of_the_report_itself_has_every_finding() -> None:
    many = report(*map(found, range(1, 501)))

    assert LintReport.from_dict(many.to_dict()) == many
    assert len(many.to_dict()["findings"]) == 500


def test_finding_prints_with_its_place() -> None:
    (finding,) = lint("Hello.\nAnswer yes or n\u200bo.").findings

    assert str(finding).startswith("2:16: A004 error: U+200B")


def test_code_in_a_message_is_code_in_html() -> None:
    html = forms(report(replace(found(1), message="`{b}` is not filled in.")))[1]

    assert "{b}</code>" in html
    assert "`" not in html


def test_empty_prompt_is_not_called_a_pass() -> None:
    assert "The prompt is empty" in str(lint(" \n"))
    assert "Pass" not in str(lint(""))
    assert "✓ Pass" in str(lint("Say hello."))
