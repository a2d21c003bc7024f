"""Suites: cases, what is expected of them, and a bar, in one file beside the notebook.

A suite is plain JSON or YAML:

    name: tickets
    prompt: "Classify …: {{ticket}}"        # or prompt_file: prompt.txt
    threshold: 0.9
    cases:
      - values: {ticket: "My invoice is wrong"}
        expect: {equals: billing}
      - values: {ticket: "Where is my parcel?"}
        expect: {contains: [shipping], not_contains: [billing]}
    rubric: ["- It is one word."]           # optional: asked of a judge, where the expectations hold

What code can check, code checks, and it outranks the judge: a case whose expectations fail scores 0.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, cast

from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage
from assay_nb.evaluation import PairedVerdict, paired_verdict
from assay_nb.evaluation.splits import MIN_ROWS
from assay_nb.experiments.batch import Batch, shorten
from assay_nb.experiments.data.rows import Row, Rows
from assay_nb.experiments.grading.judged_rows import Judgements, Judging
from assay_nb.experiments.playground import Playing, Side
from assay_nb.experiments.run.ends import describe_ends, order_ends
from assay_nb.experiments.run.jobs import JobResult
from assay_nb.experiments.run.plan import JUDGE_TOKENS, Plan, Step, plan_step
from assay_nb.experiments.run.progress import OnProgress, watch_steps
from assay_nb.experiments.run.runner import Runner
from assay_nb.experiments.run.target import Target, find_judge, find_target
from assay_nb.instruments.base import Provenance, Shown
from assay_nb.instruments.fineprint import make_fine_print, make_notices
from assay_nb.instruments.judge import RubricLike
from assay_nb.instruments.playground import explain_stop
from assay_nb.instruments.provenance import encode_provenance
from assay_nb.render.document import Badge, Block, Callout, Document, Heading, Paragraph, Table

_KNOWN = (
    "name",
    "prompt",
    "prompt_file",
    "model",
    "system",
    "threshold",
    "cases",
    "rubric",
    "schema",
)


_SHOWN_CASES = 20


@dataclass(frozen=True, slots=True)
class Case:
    """One case: values for the prompt's variables, and what is expected of the output."""

    values: Mapping[str, Any]
    expect: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A suite, as its file describes it.

    Attributes:
        name: What it is called.
        prompt: The prompt that is evaluated.
        cases: The cases.
        rubric: Asked of a judge where the expectations hold; None asks nobody.
        threshold: The score from 0 to 1 that it has to reach.
        model: The model; None takes the workspace's choice.
        system: Standing instructions that go with the prompt.
    """

    name: str
    prompt: str
    cases: tuple[Case, ...]
    rubric: RubricLike | None = None
    threshold: float = 1.0
    model: str | None = None
    system: str | None = None


def read_suite(path: Path) -> Suite:
    """Return the suite of a file.

    Raises:
        WrongUsage: If it is no suite; the message says what is wrong, and where.
    """
    data = _parse(path)
    unknown = sorted(set(data) - set(_KNOWN))
    if unknown:
        raise WrongUsage(
            f"{path} has '{unknown[0]}', which no suite has.", hint=f"It has {', '.join(_KNOWN)}."
        )
    prompt = data.get("prompt")
    if isinstance(data.get("prompt_file"), str):
        prompt = read_text(path.parent / data["prompt_file"])
    if not isinstance(prompt, str):
        raise WrongUsage(f"{path} has no prompt.", hint="prompt: …, or prompt_file: prompt.txt")
    listed = data.get("cases")
    if not isinstance(listed, list) or not listed:
        raise WrongUsage(f"{path} has no cases.", hint="cases: [{values: {…}, expect: {…}}]")
    cases = tuple(
        _read_case(case, number, path) for number, case in enumerate(cast("list[Any]", listed))
    )
    return Suite(
        name=str(data.get("name") or path.stem),
        prompt=prompt,
        cases=cases,
        rubric=data.get("rubric"),
        threshold=float(data.get("threshold", 1.0)),
        model=data.get("model"),
        system=data.get("system"),
    )


def read_text(path: Path) -> str:
    """Return a file's text, or say that it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")  # an editor may begin it with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{path} cannot be read.") from error


def _parse(path: Path) -> dict[str, Any]:
    text = read_text(path)
    is_yaml = path.suffix.lower() in {".yaml", ".yml"}
    data: Any = _parse_yaml(path, text) if is_yaml else _parse_json(path, text)
    if not isinstance(data, dict):
        raise WrongUsage(f"{path} is no suite: it has to be a mapping.")
    return cast("dict[str, Any]", data)


def _parse_json(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise WrongUsage(f"{path} is not valid JSON: {error}.") from None


def _parse_yaml(path: Path, text: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise WrongUsage(
            f"{path} is YAML, and PyYAML is not installed.",
            hint="`pip install pyyaml`, or use JSON.",
        ) from None
    try:
        return yaml.safe_load(text)  # never `load`: a suite may come from a stranger
    except yaml.YAMLError as error:
        mark: Any = getattr(error, "problem_mark", None)
        where = f", at line {mark.line + 1}" if mark else ""
        raise WrongUsage(f"{path} is not valid YAML{where}.") from None


def _read_case(case: Any, number: int, path: Path) -> Case:
    if not isinstance(case, Mapping):
        raise WrongUsage(f"Case {number} of {path} is no mapping.")
    fields = cast("Mapping[str, Any]", case)
    values: Mapping[str, Any] = fields.get("values") or {}
    expect: Mapping[str, Any] = fields.get("expect") or {}
    unknown = sorted(set(expect) - set(CHECKS))
    if unknown:
        raise WrongUsage(
            f"Case {number} of {path} expects '{unknown[0]}', which is not known.",
            hint=f"There are {', '.join(CHECKS)}.",
        )
    if "matches" in expect:
        try:
            re.compile(str(expect["matches"]))
        except re.error:
            raise WrongUsage(f"Case {number} of {path}: its pattern cannot be read.") from None
    return Case(dict(values), dict(expect))


# --- what code can check ----------------------------------------------------------------------------


def _words(value: Any) -> list[str]:
    return (
        [str(one) for one in cast("list[Any]", value)] if isinstance(value, list) else [str(value)]
    )


def _object(output: str) -> dict[str, Any]:
    try:
        value = json.loads(output)
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


CHECKS: Mapping[str, Callable[[str, Any], bool]] = {
    "equals": lambda output, value: output.strip() == str(value).strip(),
    "contains": lambda output, value: all(word.lower() in output.lower() for word in _words(value)),
    "not_contains": lambda output, value: (
        not any(word.lower() in output.lower() for word in _words(value))
    ),
    "matches": lambda output, value: re.search(str(value), output) is not None,
    "json_keys": lambda output, value: set(_words(value)) <= set(_object(output)),
    "json": lambda output, value: all(_object(output).get(k) == v for k, v in value.items()),
    "max_length": lambda output, value: len(output) <= int(value),
}
"""Everything that `expect` can name."""


def find_failed(case: Case, output: str) -> list[str]:
    """Return the expectations that an output does not meet."""
    return [name for name, value in case.expect.items() if not CHECKS[name](output, value)]


# --- running ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came of one case.

    Attributes:
        output: The reply; None where there is none.
        score: From 0 to 1; None where there is no whole reply to score.
        failed: The expectations that it does not meet, by name.
        reasons: Why it is not whole marks, in words: each expectation with what was expected, each
            criterion with the judge's reason, or what became of the reply.
        stop: Why the reply ended; only `"end"` is a whole one.
        lost: Why it is no observation; see `JobResult.lost`. None where it is one.
        number: Its place in the suite.
    """

    output: str | None
    score: float | None
    failed: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    stop: str | None = None
    lost: str | None = None
    number: int = 0


@dataclass(frozen=True, repr=False)
class SuiteResult(Shown):
    """What came of a suite.

    Attributes:
        name: The suite.
        cases: One result per case.
        threshold: The bar.
        verdict: Against another version of the prompt: the paired verdict; None alone.
        provenance: Model, tokens and cost.
    """

    schema: ClassVar[str] = "assay.suiteresult.v1"

    name: str
    cases: tuple[CaseResult, ...]
    threshold: float
    verdict: PairedVerdict | None = None
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def score(self) -> float:
        """The mean score; a case without a whole reply counts 0."""
        return sum(case.score or 0.0 for case in self.cases) / len(self.cases)

    @property
    def passed(self) -> bool:
        """Whether the score reaches the bar, and the prompt has not regressed against the other version."""
        regressed = self.verdict is not None and self.verdict.verdict == "regressed"
        return self.score >= self.threshold - 1e-9 and not regressed

    def with_provenance(self, provenance: Provenance) -> SuiteResult:
        return replace(self, provenance=provenance)

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "name": self.name,
            "score": self.score,
            "threshold": self.threshold,
            "passed": self.passed,
            "verdict": self.verdict.to_dict() if self.verdict else None,
            "cases": [asdict(case) for case in self.cases],
            "provenance": encode_provenance(self.provenance),
        }

    def to_document(self) -> Document:
        return Document(tuple(_describe(self)))


def run_suite(
    session: Session,
    suite: Suite,
    *,
    against: str | None = None,
    threshold: float | None = None,
    workspace: str | None = None,
    model: str | None = None,
    judge_model: str | None = None,
    bench: Runner | None = None,
    on_progress: OnProgress | None = None,
) -> SuiteResult:
    """Run a suite; with `against`, an earlier version of the prompt, compare the two on the same cases."""
    running = _Running(
        session,
        suite,
        bench or Runner(session),
        workspace,
        model or suite.model,
        judge_model,
        on_progress,
    )
    running.check([suite.prompt] if against is None else [suite.prompt, against])
    batch = running.play(suite.prompt)
    cases = running.score(batch)
    verdict = None
    if against is not None:
        old = running.score(running.play(against))
        # Cases that somebody wrote to be passed are no sample of anything below the usual minimum.
        verdict = paired_verdict(
            [case.score for case in old],
            [case.score for case in cases],
            lost=([case.lost for case in old], [case.lost for case in cases]),
            exploratory=len(cases) < MIN_ROWS,
        )
    bar = suite.threshold if threshold is None else threshold
    return SuiteResult(suite.name, tuple(cases), bar, verdict, batch.provenance)


def plan_suite(
    session: Session,
    suite: Suite,
    bench: Runner,
    *,
    against: str | None = None,
    workspace: str | None = None,
    model: str | None = None,
    judge_model: str | None = None,
) -> Plan:
    """Return what a suite would take. Nothing is sent."""
    running = _Running(session, suite, bench, workspace, model or suite.model, judge_model, None)
    return running.plan([suite.prompt] if against is None else [suite.prompt, against])


@dataclass
class _Running:
    session: Session
    suite: Suite
    bench: Runner
    workspace: str | None
    model: str | None
    judge_model: str | None
    on_progress: OnProgress | None

    def play(self, prompt: str) -> Batch:
        playing = self._playing(prompt)
        watch_steps(playing.steps(), self.on_progress)
        batch = playing.result()
        assert isinstance(batch, Batch)
        if None in batch.answers:
            raise WrongUsage(
                f"The limits cover {sum(a is not None for a in batch.answers):,} of "
                f"{len(batch.answers):,} cases, and a suite that is half run says nothing.",
                hint="Raise --budget or --max-calls; what was answered is kept, and costs nothing again.",
            )
        return batch

    def check(self, prompts: Sequence[str]) -> None:
        """Raise `WrongUsage` before anything is sent where the limits do not cover every case."""
        self._find_judge()
        Plan(tuple(self._plays(prompts))).check(self.bench.limits)

    def plan(self, prompts: Sequence[str]) -> Plan:
        """Return what it would take. Nothing is sent."""
        judge, steps = self._find_judge(), list(self._plays(prompts))
        if judge is not None:
            calls = len(prompts) * len(self.suite.cases)
            limits = self.bench.limits
            steps.append(plan_step("judging, at most", "judge", calls, judge, JUDGE_TOKENS, limits))
        return Plan(tuple(steps), f"Suite {self.suite.name}")

    def _plays(self, prompts: Sequence[str]) -> Iterator[Step]:
        for prompt in prompts:
            yield from self.session.portal.call(self._playing(prompt).plan).steps

    def _find_judge(self) -> Target | None:
        """Return who judges; None for a suite without a rubric."""
        if self.suite.rubric is None:
            if self.judge_model is not None:
                raise WrongUsage(
                    f"The suite {self.suite.name} has no rubric, so it has nothing for a judge. "
                    "Nothing was sent.",
                    hint="Add `rubric` to the suite, or leave --judge-model out.",
                )
            return None
        judge = self.session.portal.call(self._look_up_judge)
        self.bench.limits.check_prices([judge])
        return judge

    async def _look_up_judge(self) -> Target:
        control = self.session.control
        target = await find_target(control, self.workspace or control.selected, self.model)
        return await find_judge(control, target, self.judge_model)

    def _playing(self, prompt: str) -> Playing:
        rows = Rows(tuple(Row(case.values) for case in self.suite.cases))
        options = {"system": self.suite.system} if self.suite.system else {}
        side = Side(prompt=prompt, model=self.model)
        # An empty value is what a case is about, if somebody wrote it there.
        return Playing(
            self.bench, [side], rows, workspace=self.workspace, options=options, keep_empty=True
        )

    def score(self, batch: Batch) -> list[CaseResult]:
        judged = self._judge(batch)
        return [self._score_case(batch, judged, number) for number in range(len(batch.answers))]

    def _score_case(self, batch: Batch, judged: Judgements | None, number: int) -> CaseResult:
        # Of some of the cases, where a limit or a sample chose them.
        place = batch.rows.number(number)
        answer, case = batch.answers[number] or JobResult(), self.suite.cases[place]
        output = answer.observed(count_cut=self.bench.count_cut)
        if output is None:
            return _lose_case(answer, place)
        bad = find_failed(case, output)
        reasons = [f"{name} {_shown(case.expect[name])} is not met" for name in bad]
        score = None if judged is None else judged.scores[number]
        if judged is not None:
            reasons += judged.why(number)
        if bad:
            score = 0.0
        elif judged is None:
            score = 1.0
        lost = "failed" if score is None else None
        return CaseResult(output, score, tuple(bad), tuple(reasons), answer.stop, lost, place)

    def _judge(self, batch: Batch) -> Judgements | None:
        if self.suite.rubric is None:
            return None
        judging = Judging(
            self.bench,
            batch,
            rubric=self.suite.rubric,
            workspace=self.workspace,
            model=self.judge_model,
        )
        watch_steps(judging.steps(), self.on_progress)
        result = judging.result()
        if result.stopped == "budget":
            raise WrongUsage(
                "The limits ended before every case was judged, and a suite that is half judged says nothing.",
                hint="Raise --budget or --max-calls; what was answered is kept, and costs nothing again.",
            )
        return result


def _lose_case(answer: JobResult, place: int) -> CaseResult:
    """Return what came of a case without a whole reply: no score, and why."""
    why = answer.error or explain_stop(answer.stop, thought=answer.thought) or "No reply came."
    lost = answer.lost or "failed"
    return CaseResult(answer.output, None, (), (why,), answer.stop, lost, place)


def _shown(expected: Any) -> str:
    return json.dumps(expected, ensure_ascii=False)


def count_lost(cases: Sequence[CaseResult]) -> dict[str, int]:
    """Return how many cases have a whole reply, and how many have none for which reason."""
    return order_ends(Counter(case.lost or "whole" for case in cases))


def _describe(result: SuiteResult) -> Iterator[Block]:
    word, tone = ("passed", "good") if result.passed else ("failed", "bad")
    yield Heading(f"Suite {result.name}")
    yield from make_notices(result.provenance)
    yield Paragraph(
        [
            Badge(word, "good" if tone == "good" else "bad"),
            f" {result.score:.0%} over {len(result.cases)} cases; the bar is {result.threshold:.0%}.",
        ]
    )
    lost = {name: count for name, count in count_lost(result.cases).items() if name != "whole"}
    if lost:
        text = f"A case that cannot be scored counts 0: {describe_ends(lost)}."
        yield Callout("warning", [text])
    bad = [case for case in result.cases if (case.score or 0.0) < 1]
    if bad:
        yield Table(
            ("case", "score", "output", "why"),
            [
                (
                    str(c.number),
                    "–" if c.score is None else f"{c.score:.0%}",
                    shorten(c.output),
                    "; ".join(c.reasons),
                )
                for c in bad[:_SHOWN_CASES]
            ],
        )
    if result.verdict is not None:
        yield from result.verdict.to_document().blocks
    elif len(bad) > _SHOWN_CASES:
        yield Callout("info", [f"{len(bad) - _SHOWN_CASES} more cases did not pass."])
    yield from make_fine_print(result.provenance)
