"""Lint: sixteen rules that read a prompt without a model, a key or a network.

    lint("Summarise {{artcle}}", variables=["article"])

Each rule is one module in `rules`, found by its id. Time is linear in the length of the prompt.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from assay_nb.instruments.lint.report import LintFinding, LintReport
from assay_nb.instruments.lint.rule import Hit, LintFix, Rule
from assay_nb.instruments.lint.rules import RULES
from assay_nb.instruments.lint.source import Source
from assay_nb.messages import PROVIDERS
from assay_nb.models.retirements import Retirement

__all__ = ["RULES", "Hit", "LintFinding", "LintFix", "LintReport", "Rule", "lint"]


def lint(
    text: str,
    *,
    variables: Collection[str] | None = None,
    model: str | None = None,
    knobs: Mapping[str, Any] | None = None,
    today: date | None = None,
    retirement: Retirement | None = None,
) -> LintReport:
    """Return what the rules say about a prompt, in the order of its text.

    The same text and arguments give the same report.

    Args:
        text: The prompt.
        variables: Names that have a value. None: not known, and rules that need it keep silent.
        model: The model it is meant for, with or without its provider (`"openai/gpt-6-luna"`). None:
            rules about models keep silent.
        knobs: Sampling parameters that will be sent with it.
        today: The day that models' retirement dates are held against; the current one by default.
        retirement: The model's end, where its server has named one; the table says it otherwise.
    """
    source = Source(
        original=text,
        bound=variables,
        model=model.rpartition("/")[2].lower() if model else None,
        knobs=knobs or {},
        today=today or datetime.now(UTC).date(),
        retirement=retirement,
        own_api=_is_own_api(model),
    )
    findings = sorted(_findings(source), key=lambda f: (f.start, f.end, f.rule, f.message))
    return LintReport(text=source.masked, findings=tuple(findings))


def _is_own_api(model: str | None) -> bool:
    """Say whether a model's name, if it names a connection, names the one to its maker."""
    connection, slash, rest = (model or "").partition("/")
    return not slash or (connection.lower() in PROVIDERS and "/" not in rest)


def _findings(source: Source) -> Iterator[LintFinding]:
    for rule in RULES:
        for hit in rule.check(source):
            line = source.line_of(hit.start)
            if not source.directives.ignores(rule.id, line):
                yield _finding(source, rule, hit, line)


def _finding(source: Source, rule: Rule, hit: Hit, line: int) -> LintFinding:
    return LintFinding(
        rule=rule.id,
        name=rule.name,
        level=hit.level or rule.level,
        message=hit.message,
        start=hit.start,
        end=hit.end,
        line=line + 1,
        column=hit.start - source.line_starts[line] + 1,
        fix=hit.fix,
    )
