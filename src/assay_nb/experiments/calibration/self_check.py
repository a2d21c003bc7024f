"""How good a critic is your model? Thirty short prompts, twenty with a fault that was planted, ten clean.

Recall says how many of the planted faults are found at their place, false findings what is said of clean
prompts, and the verbatim rate how often the model quotes the prompt to the letter.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from typing import Any, ClassVar

from assay_nb.engine.session import Session
from assay_nb.experiments.batch import summarise
from assay_nb.experiments.calibration.judge_check import wilson
from assay_nb.experiments.run.jobs import Job, JobResult
from assay_nb.experiments.run.progress import OnProgress, Progress, watch_answers
from assay_nb.experiments.run.runner import Runner, make_call
from assay_nb.experiments.run.target import Target, find_target
from assay_nb.experiments.spending.budget import OverBudget
from assay_nb.experiments.spending.plan import Plan
from assay_nb.instruments.base import Provenance, Shown, encode_provenance
from assay_nb.instruments.critique import Critique
from assay_nb.instruments.findings import overlaps
from assay_nb.instruments.fineprint import make_fine_print
from assay_nb.render.document import Block, Callout, Details, Document, Heading, Paragraph, Table
from assay_nb.text.english import count


@dataclass(frozen=True, slots=True)
class Planted:
    """One prompt of the corpus.

    Attributes:
        id: Its name.
        dimension: What it is about.
        prompt: Its text.
        words: The words at fault; None in a clean prompt.
        fault: What is wrong with them.
    """

    id: str
    dimension: str
    prompt: str
    words: str | None = None
    fault: str | None = None

    @property
    def span(self) -> tuple[int, int] | None:
        """Where the words at fault stand."""
        if self.words is None:
            return None
        start = self.prompt.index(self.words)
        return start, start + len(self.words)


def load_corpus() -> tuple[Planted, ...]:
    """Return the thirty prompts that ship with the package."""
    text = (
        files("assay_nb.experiments.calibration")
        .joinpath("corpus.json")
        .read_text(encoding="utf-8")
    )
    return tuple(Planted(**fields) for fields in json.loads(text))


@dataclass(frozen=True, repr=False)
class SelfCheck(Shown):
    """A report card of one model as a critic.

    Attributes:
        model: Who was checked, `provider/model`.
        planted: Prompts with a planted fault that were answered.
        found: Of those, how many have a finding at its words.
        clean: Clean prompts that were answered.
        false: Findings above a nit on them.
        quotes: Findings that a model gave, those dropped since their words are nowhere included.
        verbatim: How many of them quote the prompt to the letter.
        missed: The prompts whose fault was not found.
        failed: Prompts without an answer that could be read.
        unreached: Prompts that were not sent, since the limits did not cover them.
    """

    schema: ClassVar[str] = "assay.selfcheck.v1"

    model: str
    planted: int
    found: int
    clean: int
    false: int
    quotes: int
    verbatim: int
    missed: tuple[str, ...] = ()
    failed: int = 0
    unreached: int = 0
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def recall(self) -> float | None:
        """The share of planted faults that were found."""
        return self.found / self.planted if self.planted else None

    def to_dict(self) -> dict[str, Any]:
        fields = asdict(self)
        fields.update(
            schema=self.schema,
            recall=self.recall,
            recall_interval=list(wilson(self.found, self.planted)),
            verbatim_rate=self.verbatim / self.quotes if self.quotes else None,
            missed=list(self.missed),
            provenance=encode_provenance(self.provenance),
        )
        return fields

    def to_document(self) -> Document:
        return Document(tuple(_describe(self)))


def check_self(
    session: Session,
    *,
    workspace: str | None = None,
    model: str | None = None,
    corpus: Sequence[Planted] | None = None,
    runner: Runner | None = None,
    on_progress: OnProgress | None = None,
) -> SelfCheck:
    """Return the report card of a model: one critique per prompt, thirty calls."""
    corpus = corpus or load_corpus()
    runner = runner or Runner(session)
    target, jobs = _prepare(session, corpus, runner, workspace, model)
    progress = Progress("Self-check", "prompts", total=len(jobs))
    watched = watch_answers(runner.follow(jobs), progress, on_progress)
    answers: list[tuple[Planted, JobResult]] = []
    with suppress(OverBudget):  # what is missing is counted
        answers.extend((job.tag, answer) for job, answer in watched)
    read = {one.id: answer.result for one, answer in answers if answer.result is not None}
    source = summarise([answer for _, answer in answers], target.workspace_name, target.name)
    check = _count(target.name or "", corpus, read, len(corpus) - len(answers))
    return check.with_provenance(source)


def plan_self_check(
    session: Session,
    runner: Runner,
    *,
    workspace: str | None = None,
    model: str | None = None,
) -> Plan:
    """Return what a self-check would take. Nothing is sent."""
    _, jobs = _prepare(session, load_corpus(), runner, workspace, model)
    return Plan((runner.plan("critiques", jobs),), "Self-check")


def _prepare(
    session: Session,
    corpus: Sequence[Planted],
    runner: Runner,
    workspace: str | None,
    model: str | None,
) -> tuple[Target, list[Job]]:
    """Return who is checked, and a call for each prompt."""

    async def find() -> Target:
        return await find_target(session.control, workspace or session.control.selected, model)

    target = session.portal.call(find)
    runner.limits.check_prices([target])
    jobs = [Job(make_call("critique", one.prompt, target), one, target=target) for one in corpus]
    return target, jobs


def _count(
    model: str, corpus: Sequence[Planted], read: Mapping[str, Critique], unreached: int
) -> SelfCheck:
    planted = [one for one in corpus if one.words is not None and one.id in read]
    clean = [one for one in corpus if one.words is None and one.id in read]
    missed = [one.id for one in planted if not _finds(read[one.id], one)]
    findings = [finding for critique in read.values() for finding in critique.findings]
    own = [finding for finding in findings if finding.origin == "model"]
    dropped = sum(critique.consistency.unanchored for critique in read.values())
    return SelfCheck(
        model=model,
        planted=len(planted),
        found=len(planted) - len(missed),
        clean=len(clean),
        false=sum(
            f.severity != "nit" and f.origin == "model"
            for one in clean
            for f in read[one.id].findings
        ),
        quotes=len(own) + dropped,
        verbatim=sum(all(anchor.match == "exact" for anchor in f.evidence) for f in own),
        missed=tuple(missed),
        failed=len(corpus) - len(read) - unreached,
        unreached=unreached,
    )


def _finds(critique: Critique, one: Planted) -> bool:
    """Return whether the model found it: what a lint rule added is no merit of the model's."""
    span = one.span
    own = [finding for finding in critique.findings if finding.origin == "model"]
    return span is not None and any(overlaps(finding, *span) for finding in own)


def _describe(check: SelfCheck) -> Iterator[Block]:
    yield Heading(f"Self-check: {check.model}")
    if check.provenance.practice:
        text = "Practice provider, no model: this is how much of it fixed rules find."
        yield Callout("info", [text])
    low, high = wilson(check.found, check.planted)
    rows = [
        ("planted faults found", f"{check.found} of {check.planted}", f"{low:.0%} to {high:.0%}"),
        ("false findings", f"{check.false} on {check.clean} clean prompts", ""),
        ("quoted to the letter", f"{check.verbatim} of {check.quotes} findings", ""),
    ]
    yield Table(("", "", "95% interval"), rows)
    if check.failed:
        yield Callout("warning", [f"{check.failed} prompts got no answer that could be read."])
    if check.unreached:
        text = (
            f"The limits ended the check: {count(check.unreached, 'prompt')} of thirty not sent. "
            "Raise the budget or the limit on calls for all of them."
        )
        yield Callout("warning", [text])
    if check.missed:
        yield Details("Missed", [Paragraph([", ".join(check.missed)])])
    yield from make_fine_print(check.provenance)
