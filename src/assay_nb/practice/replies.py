"""What the practice provider answers: what the lint rules see, in the form that a model would use.

No model is at work, and nothing pretends that one is. It says only what rules say that have proved right
about public prompts; what only a reader with understanding could tell is answered "na".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from assay_nb.instruments.exchange.fencing import parse_fence
from assay_nb.instruments.exchange.schema import NONE
from assay_nb.instruments.invariants import presence
from assay_nb.instruments.lint import RULES, LintFinding, lint
from assay_nb.instruments.lint.measured import has_proved_right
from assay_nb.instruments.rubric import DIMENSION_OF_RULE, QUESTION_OF_KEY
from assay_nb.practice.rules import judge, work
from assay_nb.practice.slots import fill_slots
from assay_nb.practice.wire import Asked
from assay_nb.text.segments import Segment, split_segments
from assay_nb.text.templates import find_fences, find_variables

Fields: TypeAlias = Mapping[str, Any]
"""The properties of the schema that a reply is asked in."""

_WHY = {rule.id: rule.why for rule in RULES}
_UNKNOWN = re.compile(
    r"\b(?:if|when|where)\b[^.\n]{0,80}\b(?:empty|missing|unknown|unclear|not (?:known|given|found|sure)|no\b)",
    re.IGNORECASE,
)


def make_reply(asked: Asked) -> str:
    """Return the reply to a request: JSON in the form that was asked for, or a line of text."""
    fields = asked.schema
    if _is_judging(fields):
        return _dump(judge("".join(asked.texts[:1])))
    under_review = _find_prompt(asked)
    if under_review is None:
        return work("".join(asked.texts[-1:]))
    text, segments = under_review
    reader = _Reader(text, segments)
    if "answers" in fields:
        return _dump(reader.critique(fields))
    if "edits" in fields or "edit_1" in fields:
        return _dump(reader.improvement(fields))
    if "constraints" in fields or "constraint_1" in fields:
        return _dump(reader.rewrite(fields))
    return "This is the practice provider. It does not know this instrument."


def _is_judging(fields: Fields) -> bool:
    return "c1_answer" in fields or "c1_better" in fields


def _find_prompt(asked: Asked) -> tuple[str, Sequence[Segment]] | None:
    for text in asked.texts:
        found = parse_fence(text)
        if found is not None:
            return found
    return None


def _dump(reply: dict[str, Any]) -> str:
    return json.dumps(reply, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class _Change:
    """A fix that can be made without understanding: replace these words by those."""

    finding: str
    segment: Segment
    before: str
    after: str


class _Reader:
    """Reads one prompt with the rules."""

    def __init__(self, prompt: str, segments: Sequence[Segment]) -> None:
        self._prompt = prompt
        self._segments = segments
        self._findings = [
            finding
            for finding in lint(prompt).findings
            if has_proved_right(finding) and self._segment_of(finding)
        ]

    # --- what each instrument gets

    def critique(self, fields: Fields) -> dict[str, Any]:
        answers = {key: self._answer(question.id) for key, question in QUESTION_OF_KEY.items()}
        if "findings" not in fields:
            found = [
                {
                    **self._describe(finding),
                    "quote": self._words(finding),
                    "effect": _WHY[finding.rule],
                }
                for finding in self._findings
            ]
            return {"answers": answers, **fill_slots(fields, "finding", found)}
        return {
            "evidence": [],
            "answers": answers,
            "not_applicable": [],
            "findings": [
                {
                    **self._list_evidence(finding),
                    **self._describe(finding),
                    "missing": NONE,
                    "probe": [],
                    "predict": "",
                    **self._fix(number, finding),
                }
                for number, finding in enumerate(self._findings, 1)
            ],
        }

    def improvement(self, fields: Fields) -> dict[str, Any]:
        numbered = {f"f{n}": finding for n, finding in enumerate(self._findings, 1)}
        edits = [
            {
                "finding": change.finding,
                "op": "replace",
                "segment": change.segment.id,
                "before": change.before,
                "text": change.after,
                "risk": "low",
            }
            for change in self._changes()
        ]
        if "edits" not in fields:
            described = [{**self._describe(numbered[edit["finding"]]), **edit} for edit in edits]
            return fill_slots(fields, "edit", described)
        if "findings" not in fields:
            return {"edits": edits}
        found = [
            {"id": id_, **self._list_evidence(finding), **self._describe(finding)}
            for id_, finding in numbered.items()
        ]
        return {"findings": found, "edits": edits}

    def rewrite(self, fields: Fields) -> dict[str, Any]:
        """Lay out the prompt again, sentence by sentence, with the certain fixes made."""
        fixed = self._fixed()
        if find_fences(fixed) or "\n\n" in fixed.strip() or fixed.lstrip().startswith("#"):
            text = fixed  # it has a layout of its own, or code that must not be moved
            change = "The certain fixes are made; the layout is as it was."
        else:
            text = _lay_out([segment.text for segment in split_segments(fixed)])
            change = "The task stands first and each rule on a line of its own."
        rows = list(self._ledger(text))
        if "constraints" not in fields:
            return {"text": text, **fill_slots(fields, "constraint", rows), "changes": change}
        return {"text": text, "constraints": rows, "changes": [change]}

    # --- questions

    def _answer(self, question: str) -> str:
        judged = self._judge(question)
        return "na" if judged is None else "yes" if judged else "no"

    def _judge(self, question: str) -> bool | None:
        """Answer where a rule or a pattern can; None where only understanding could."""
        rules = {finding.rule for finding in self._findings}
        variables = [v for v in find_variables(self._prompt) if v.kind == "variable"]
        checks: dict[str, Callable[[], bool | None]] = {
            "task.action": lambda: bool(self._segments),
            "context.inputs": lambda: "A001" not in rules,
            "output.format": lambda: presence.states(self._prompt, "format"),
            "output.size": lambda: presence.states(self._prompt, "length"),
            "output.empty": lambda: bool(_UNKNOWN.search(self._prompt)),
            "examples.shown": lambda: presence.states(self._prompt, "example"),
            "examples.edge": lambda: bool(_UNKNOWN.search(self._prompt)),
            "robustness.bounds": lambda: (
                presence.states(self._prompt, "boundary") if variables else None
            ),
        }
        check = checks.get(question)
        return None if check is None else check()

    # --- findings and fixes

    def _list_evidence(self, finding: LintFinding) -> dict[str, Any]:
        segment = self._segment_of(finding)
        assert segment is not None
        return {"evidence": [{"segment": segment.id, "quote": self._words(finding)}]}

    def _describe(self, finding: LintFinding) -> dict[str, Any]:
        return {
            "kind": "present",
            "dimension": DIMENSION_OF_RULE.get(finding.rule, "robustness"),
            "problem": finding.message,
            "consequence": _WHY[finding.rule],
            "severity": "major",
        }

    def _words(self, finding: LintFinding) -> str:
        start, end = self._place(finding)
        return self._prompt[start:end]

    def _place(self, finding: LintFinding) -> tuple[int, int]:
        """Return where the finding's words are; their whole line, where they alone do not tell the place."""
        segment = self._segment_of(finding)
        assert segment is not None
        start, end = finding.start, min(finding.end, segment.end)
        if self._prompt.count(self._prompt[start:end]) > 1:
            start = max(segment.start, self._prompt.rfind("\n", 0, start) + 1)
            line_end = self._prompt.find("\n", end)
            end = min(segment.end, line_end if line_end >= 0 else segment.end)
        return start, end

    def _segment_of(self, finding: LintFinding) -> Segment | None:
        """Return the segment with the finding's first word; None for one that is about no words."""
        if finding.start == finding.end:
            return None
        return next((s for s in self._segments if s.start <= finding.start < s.end), None)

    def _fix(self, number: int, finding: LintFinding) -> dict[str, str]:
        change = self._change(number, finding)
        if change is None or change.before != self._words(finding):
            return {"op": NONE, "text": ""}
        return {"op": "replace", "text": change.after}

    def _changes(self) -> Iterator[_Change]:
        for number, finding in enumerate(self._findings, 1):
            change = self._change(number, finding)
            if change is not None:
                yield change

    def _change(self, number: int, finding: LintFinding) -> _Change | None:
        segment, fix = self._segment_of(finding), finding.fix
        if segment is None or fix is None:
            return None
        start, end = self._place(finding)
        if fix.start < start or fix.end > end:
            return None
        after = self._prompt[start : fix.start] + fix.replacement + self._prompt[fix.end : end]
        return _Change(f"f{number}", segment, self._prompt[start:end], after)

    # --- rewriting

    def _fixed(self) -> str:
        text = self._prompt
        for change in self._changes():
            if text.count(change.before) == 1:
                text = text.replace(change.before, change.after)
        return text

    def _ledger(self, text: str) -> Iterator[dict[str, Any]]:
        fixed = {change.segment.id: change for change in self._changes()}
        for segment in self._segments:
            words = segment.text.strip()
            row: dict[str, Any] = {
                "segment": segment.id,
                "quote": words,
                "kept": "",
                "reason": "",
            }
            if segment.id in fixed:
                change = fixed[segment.id]
                yield row | {"kept": segment.text.replace(change.before, change.after, 1).strip()}
            elif words in text:
                yield row | {"kept": words}
            else:
                yield row | {"kept": _line_with(_longest_common(words, text), text)}


def _lay_out(sentences: Sequence[str]) -> str:
    """Return sentences as a task and a list of rules: the first is the task, with a role before it."""
    has_role = bool(sentences) and sentences[0].lower().startswith(("you are", "act as"))
    first = int(has_role)
    task, rules = sentences[first : first + 1], sentences[first + 1 :]
    parts = [*sentences[:first], *(["## Task", *task] if task else [])]
    if rules:
        parts += ["## Rules", "\n".join(f"- {rule}" for rule in rules)]
    return "\n\n".join(parts)


def _line_with(run: str, text: str) -> str:
    """Return the whole line that a run of words stands on, without its list mark."""
    line = next((line for line in text.splitlines() if run and run in line), run)
    return line.removeprefix("- ")


def _longest_common(words: str, text: str) -> str:
    """Return the longest run of whole words that both have: where a fixed sentence now is."""
    tokens = words.split(" ")
    for length in range(len(tokens), 0, -1):
        for start in range(len(tokens) - length + 1):
            run = " ".join(tokens[start : start + length])
            if run in text:
                return run
    return ""
