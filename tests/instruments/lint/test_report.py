"""How a lint report reads, and how much of it goes into a notebook."""

from __future__ import annotations

import json

import pytest

from assay_nb import lint
from assay_nb.instruments.lint.report import MOST_SAVED, MOST_SHOWN, LintReport

JSON = "application/vnd.assay.lint.v1+json"


def test_report_of_few_findings_shows_all_in_the_order_of_the_text() -> None:
    report = lint("Take {{a}} and {b}.\nTake {{a}} and {c}.\n")

    assert len(report.findings) == 2
    assert str(report).index("`{b}`") < str(report).index("`{c}`")
    assert "more in" not in str(report)


def test_report_of_many_findings_shows_the_first_and_counts_the_rest() -> None:
    report = lint("Take {{a}} and {b}.\n" * 2_000)
    more = len(report.findings) - MOST_SHOWN

    assert len(report.findings) == 2_000
    for form in ("text/plain", "text/html", "text/markdown"):
        shown = report._repr_mimebundle_()[0][form]
        assert f"{more:,} more in" in shown
        assert shown.count("mixed-placeholder-syntax") == MOST_SHOWN


def test_errors_come_before_what_is_left_out() -> None:
    report = lint(
        "Answer in 3 words and in at most 5 sentences!!! \n" * 60 + "Take {{a}} and {b}.\n"
    )
    assert len(report.findings) > MOST_SHOWN
    assert report.findings[-1].level == "error"

    assert report.first(MOST_SHOWN)[0].level == "error"
    assert "`{b}`" in str(report)


@pytest.mark.slow
def test_what_goes_into_a_notebook_is_bounded() -> None:
    bundle, _ = lint("Take {{a}} and {b}.\n" * 9_000)._repr_mimebundle_()

    assert len(json.dumps(bundle)) < 600_000
    assert len(bundle[JSON]["findings"]) == MOST_SAVED
    assert bundle[JSON]["omitted"] == 9_000 - MOST_SAVED
    assert bundle[JSON]["counts"]["error"] == 9_000


def test_json_of_the_report_itself_has_every_finding() -> None:
    report = lint("Take {{a}} and {b}.\n" * 500)

    assert LintReport.from_dict(report.to_dict()) == report
    assert len(report.to_dict()["findings"]) == 500


def test_finding_prints_with_its_place() -> None:
    (finding,) = lint("Hello.\nTake {{a}} and {b}.").findings

    assert str(finding).startswith("2:16: A002 error: `{b}` is not filled in")


def test_code_in_a_message_is_code_in_html() -> None:
    html = lint("Take {{a}} and {b}.")._repr_mimebundle_()[0]["text/html"]

    assert "{b}</code>" in html
    assert "`" not in html


def test_empty_prompt_is_not_called_a_pass() -> None:
    assert "The prompt is empty" in str(lint(" \n"))
    assert "Pass" not in str(lint(""))
    assert "✓ Pass" in str(lint("Say hello."))
