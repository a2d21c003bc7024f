"""How far to trust a judge: ask it about pairs that a person has labelled, and count.

Ten pairs are few. They find a judge that is useless here, and leave one that is good uncertain: the
interval says how uncertain.

A judge that contradicts itself on a pair, or calls it a tie, abstains: in a comparison that row counts for
neither side. So it is measured by the pairs that it decides, against a coin, and how often it abstains
stands beside that. Seven right, none wrong and three torn is p = .008, and not seven of ten.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage
from assay_nb.evaluation.paired import ALPHA, sign_test
from assay_nb.evaluation.pairwise import MAX_INCONSISTENCY
from assay_nb.evaluation.showing import say_p
from assay_nb.experiments.batch import summarise
from assay_nb.experiments.grading.judge import judge_job
from assay_nb.experiments.run.jobs import Job, JobResult
from assay_nb.experiments.run.progress import OnProgress, Progress, watch_answers
from assay_nb.experiments.run.runner import Runner
from assay_nb.experiments.run.target import Target, find_judge, find_target
from assay_nb.experiments.spending.budget import OverBudget
from assay_nb.experiments.spending.plan import Plan
from assay_nb.instruments.base import Provenance, Shown, encode_provenance
from assay_nb.instruments.fineprint import make_fine_print, make_notices
from assay_nb.instruments.judge import RubricLike, parse_rubric
from assay_nb.instruments.judge.criteria import DEFAULT_RUBRIC
from assay_nb.plain_files import read_plain
from assay_nb.render.document import Badge, Block, Document, Heading, Paragraph, Table, Tone

FEWEST = 10


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """Two answers to a task, and which one a person finds better."""

    task: str
    better: str
    worse: str


@dataclass(frozen=True, repr=False)
class JudgeCheck(Shown):
    """How often a judge agreed with a person.

    Attributes:
        judge: Who was checked, `provider/model`.
        pairs: How many pairs were judged in both orders.
        agreed: On how many the answer that the person finds better won in both orders.
        opposed: On how many the other one did.
        torn: On how many the judge contradicted itself when the order changed.
        interval: The 95% Wilson interval for the share that it agrees on of the pairs that it decides.
        failed: Pairs without a judgement.
        wrong: The pairs on which it did not agree, by index.
    """

    schema: ClassVar[str] = "assay.judgecheck.v1"

    judge: str
    pairs: int
    agreed: int
    opposed: int
    torn: int
    interval: tuple[float, float]
    failed: int = 0
    wrong: tuple[int, ...] = ()
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def decided(self) -> int:
        """How many pairs it decides: the same winner in both orders."""
        return self.agreed + self.opposed

    @property
    def agreement(self) -> float:
        """The share on which it agreed, of the pairs that it decides."""
        return self.agreed / self.decided if self.decided else 0.0

    @property
    def torn_share(self) -> float:
        """The share of all pairs on which it contradicted itself."""
        return self.torn / self.pairs if self.pairs else 0.0

    @property
    def p(self) -> float:
        """The chance that a coin agrees at least as often on so many decided pairs."""
        return sign_test(self.agreed, self.opposed)

    @property
    def trust(self) -> str:
        """How far to trust it, in a sentence."""
        if self.pairs < FEWEST:
            return f"{self.pairs} pairs are too few to say; label {FEWEST} or more."
        if self.torn_share > MAX_INCONSISTENCY:
            return (
                f"Not at all: it contradicts itself on {self.torn_share:.0%} of the pairs when their order "
                f"changes, and above {MAX_INCONSISTENCY:.0%} a comparison gives no verdict."
            )
        if not self.decided:
            return "It cannot tell these apart: it prefers neither answer of any pair."
        if self.opposed >= self.agreed:
            return (
                "Not at all: it prefers the wrong answer as often as the right one, in both orders."
            )
        if self.p > ALPHA:
            return (
                "Not on this evidence: where it decides, it may well be no better than a coin "
                f"({say_p(self.p)}). Label more pairs."
            )
        if self.interval[0] > 0.7:
            return "Well enough to compare prompts with, beside a look at rows on which it decides."
        return (
            "For large differences only. More labelled pairs, or a metric in code, would say more."
        )

    def to_dict(self) -> dict[str, Any]:
        fields = asdict(self)
        fields.update(
            schema=self.schema,
            agreement=self.agreement,
            decided=self.decided,
            torn_share=self.torn_share,
            p=self.p,
            trust=self.trust,
            interval=list(self.interval),
            wrong=list(self.wrong),
            provenance=encode_provenance(self.provenance),
        )
        return fields

    def to_document(self) -> Document:
        return Document(tuple(_describe(self)))


_LARGEST = 64 * 1024 * 1024
"""Bytes of a file of labelled pairs."""


def read_pairs(path: Path) -> list[LabelledPair]:
    """Return the pairs of a file: a JSON list of objects with `task`, `better` and `worse`, or one a line.

    Raises:
        WrongUsage: If it is no such file.
    """
    try:
        text = read_plain(path, _LARGEST).decode("utf-8-sig")
    except OSError as error:
        raise WrongUsage(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise WrongUsage(f"{path} is not UTF-8 text.") from None
    try:
        data = json.loads(text) if text.lstrip().startswith("[") else _read_lines(text)
        return [
            LabelledPair(str(one["task"]), str(one["better"]), str(one["worse"])) for one in data
        ]
    except (ValueError, KeyError, TypeError):
        raise WrongUsage(
            f"{path} holds no labelled pairs.",
            hint='A JSON list: [{"task": "…", "better": "…", "worse": "…"}, …].',
        ) from None


def _read_lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def check_judge(
    session: Session,
    pairs: Sequence[LabelledPair],
    *,
    rubric: RubricLike | None = None,
    workspace: str | None = None,
    model: str | None = None,
    runner: Runner | None = None,
    on_progress: OnProgress | None = None,
) -> JudgeCheck:
    """Return how often the judge agrees with the labels. Each pair is two requests."""
    runner = runner or Runner(session)
    judge, jobs = _prepare(session, pairs, runner, rubric, workspace, model)
    answers: dict[int, JobResult] = {}
    try:
        progress = Progress("Judge check", "pairs", total=len(jobs))
        for job, answer in watch_answers(runner.follow(jobs), progress, on_progress):
            answers[job.tag] = answer
    except OverBudget:
        pass
    finally:
        runner.close()
    name = judge.name or ""
    result = _count(name, [answers.get(number) for number in range(len(pairs))])
    return result.with_provenance(summarise(list(answers.values()), judge.workspace_name, name))


def plan_judge_check(
    session: Session,
    pairs: Sequence[LabelledPair],
    runner: Runner,
    *,
    rubric: RubricLike | None = None,
    workspace: str | None = None,
    model: str | None = None,
) -> Plan:
    """Return what a check of a judge would take. Nothing is sent."""
    _, jobs = _prepare(session, pairs, runner, rubric, workspace, model)
    return Plan((runner.plan("judging", jobs),), "Judge check")


def _prepare(
    session: Session,
    pairs: Sequence[LabelledPair],
    runner: Runner,
    rubric: RubricLike | None,
    workspace: str | None,
    model: str | None,
) -> tuple[Target, list[Job]]:
    """Return the judge and a call for each pair."""
    if not pairs:
        raise WrongUsage("There are no labelled pairs.")
    criteria = [criterion.to_dict() for criterion in parse_rubric(rubric or DEFAULT_RUBRIC)]

    async def find() -> Any:
        target = await find_target(session.control, workspace or session.control.selected, None)
        return await find_judge(session.control, target, model)

    judge = session.portal.call(find)
    runner.limits.check_prices([judge])
    # The better answer stands on alternating sides, so that a label cannot be read off its place.
    sides = [_place(pair, number) for number, pair in enumerate(pairs)]
    jobs = [
        judge_job(judge, pairs[number].task, first, criteria, against=second, tag=number)
        for number, (first, second) in enumerate(sides)
    ]
    return judge, jobs


def _place(pair: LabelledPair, number: int) -> tuple[str, str]:
    return (pair.better, pair.worse) if number % 2 == 0 else (pair.worse, pair.better)


def _count(judge: str, answers: Sequence[JobResult | None]) -> JudgeCheck:
    outcomes = [
        _outcome(answer.payload, number) if answer and answer.payload else None
        for number, answer in enumerate(answers)
    ]
    known = [outcome for outcome in outcomes if outcome is not None]
    agreed = known.count("agreed")
    return JudgeCheck(
        judge=judge,
        pairs=len(known),
        agreed=agreed,
        opposed=known.count("opposed"),
        torn=known.count("torn"),
        interval=wilson(agreed, agreed + known.count("opposed")),
        failed=len(outcomes) - len(known),
        wrong=tuple(i for i, outcome in enumerate(outcomes) if outcome not in ("agreed", None)),
    )


def _outcome(payload: Mapping[str, Any], number: int) -> str:
    first, second = payload["preferences"]
    if (first, second) == ("tie", "tie"):
        return "tie"
    if {first, second} != {"first", "second"}:
        return "torn"
    better_was_output = number % 2 == 0
    return "agreed" if (first == "first") == better_was_output else "opposed"


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95% Wilson interval of a share; from 0 to 1 where nothing was tried."""
    if not trials:
        return 0.0, 1.0
    stats: Any = import_module("scipy.stats")
    interval = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def _describe(check: JudgeCheck) -> Iterator[Block]:
    low, high = check.interval
    yield Heading(f"Judge check: {check.judge}")
    yield from make_notices(check.provenance)
    tone: Tone = "good" if low > 0.7 else "warning" if low > 0.5 else "bad"
    if check.torn_share > MAX_INCONSISTENCY or not check.decided:
        tone = "bad"
    said = (
        f" agreement ({low:.0%} to {high:.0%}) on the {check.decided} of {check.pairs} pairs that it "
        f"decides; it contradicts itself on {check.torn_share:.0%}. {check.trust}"
    )
    yield Paragraph([Badge(f"{check.agreement:.0%}", tone), said])
    ties = check.pairs - check.agreed - check.opposed - check.torn
    yield Table(
        ("pairs", "agreed", "opposed", "contradicted itself", "tie", "failed"),
        [
            tuple(
                str(n)
                for n in (check.pairs, check.agreed, check.opposed, check.torn, ties, check.failed)
            )
        ],
    )
    if check.wrong:
        yield Paragraph(["Look at pairs ", ", ".join(map(str, check.wrong)), " yourself."])
    yield from make_fine_print(check.provenance)
