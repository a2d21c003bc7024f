"""Findings put to the test: run the input on which a finding predicts a failure, and look.

A finding that says "with an empty ticket it will invent one" can be wrong, and here that can be shown. The
prompt is run on the probe's input, and a judge is asked one thing: does the predicted failure show?
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, fields, replace
from typing import Any, cast

from assay_nb.experiments.data.rows import find_names
from assay_nb.experiments.grading.judge import judge_job
from assay_nb.experiments.run.jobs import Job
from assay_nb.experiments.run.pace import Pause
from assay_nb.experiments.run.progress import Progress
from assay_nb.experiments.run.runner import Runner, Task
from assay_nb.experiments.run.target import Target, find_judge, find_target
from assay_nb.instruments.critique import Critique
from assay_nb.instruments.findings import PROBE_TONES, Finding, ProbeStatus
from assay_nb.render.document import Badge, Block, Document, FinePrint, Heading, Item, Items
from assay_nb.text.templates import fill


@dataclass(frozen=True, repr=False)
class ProbedCritique(Critique):
    """A critique whose findings were put to the test; its JSON form is the critique's."""

    def to_document(self) -> Document:
        blocks = list(super().to_document().blocks)
        end = next((i for i, b in enumerate(blocks) if isinstance(b, FinePrint)), len(blocks))
        return Document([*blocks[:end], *_describe(self.findings), *blocks[end:]])


class Probing:
    """The probes of one critique under way: read `stream`, then take the `result`."""

    def __init__(
        self,
        runner: Runner,
        critique: Critique,
        *,
        workspace: str | None = None,
        model: str | None = None,
        judge_model: str | None = None,
    ) -> None:
        self._runner = runner
        self._critique = critique
        self._workspace, self._model, self._judge_model = workspace, model, judge_model
        self._outputs: dict[str, str] = {}
        self._statuses: dict[str, ProbeStatus] = {}

    async def stream(self) -> AsyncIterator[Progress]:
        """Run the probes, on the background loop, and yield how far it is."""
        control = self._runner.session.control
        target = await find_target(control, self._workspace or control.selected, self._model)
        judge = await find_judge(control, target, self._judge_model)
        probed = [
            finding for finding in self._critique.findings if is_runnable(self._prompt, finding)
        ]
        progress = Progress("Probing the findings", "probes", total=2 * len(probed))
        yield progress
        for jobs in (self._runs(probed, target), None):
            todo = jobs if jobs is not None else self._judgements(probed, judge)
            stream = self._runner.stream(todo, all_may_fail=True)
            async with aclosing(cast("Any", stream)):
                async for came in stream:
                    if not isinstance(came, Pause):
                        job, answer = came
                        if answer.whole or self._runner.count_cut:  # half a reply shows nothing
                            self._keep(job, answer.payload)
                    progress = progress.follow(came)
                    yield progress
        self._runner.close()

    async def run(self) -> Critique:
        """Run the probes and return the critique, on the background loop."""
        async for _ in self.stream():
            pass
        return self.result()

    def steps(self) -> Generator[Progress]:
        """Run the probes from code that is not async, and yield how far it is."""
        return self._runner.session.portal.iterate(self.stream)

    def result(self) -> Critique:
        """Return the critique, each finding confirmed, refuted or untested."""
        findings = [
            replace(finding, status=self._statuses.get(finding.id, "untested"))
            for finding in self._critique.findings
        ]
        known: dict[str, Any] = {
            one.name: getattr(self._critique, one.name) for one in fields(self._critique)
        }
        known["findings"] = tuple(findings)
        return ProbedCritique(**known)

    @property
    def _prompt(self) -> str:
        return self._critique.prompt

    def _runs(self, findings: list[Finding], target: Target) -> list[Job]:
        task = Task(self._prompt, target)
        return [task.job(_inputs(finding), "probe", finding.id) for finding in findings]

    def _judgements(self, findings: list[Finding], judge: Target) -> list[Job]:
        return [
            judge_job(
                judge,
                fill(self._prompt, _inputs(finding)),
                self._outputs[finding.id],
                [_criterion(finding)],
                tag=finding.id,
            )
            for finding in findings
            if finding.id in self._outputs
        ]

    def _keep(self, job: Job, payload: Mapping[str, Any]) -> None:
        if "output" in payload:
            self._outputs[job.tag] = payload["output"]
        elif "answers" in payload:
            shows = payload["answers"].get("c1") == "yes"
            self._statuses[job.tag] = "confirmed" if shows else "refuted"


def is_runnable(prompt: str, finding: Finding) -> bool:
    """Return whether a finding has a probe with a value for each of the prompt's variables."""
    return finding.probe is not None and set(find_names(prompt)) <= set(finding.probe.inputs)


def _inputs(finding: Finding) -> dict[str, str]:
    return dict(finding.probe.inputs) if finding.probe else {}


def _criterion(finding: Finding) -> dict[str, Any]:
    predicted = finding.probe.predict if finding.probe else ""
    return {
        "id": "c1",
        "text": f"This failure, which somebody predicted, shows in the output: {predicted}",
        "weight": 1.0,
        "scale": "yes/no",
        "must": False,
    }


def _describe(findings: Sequence[Finding]) -> Iterator[Block]:
    if findings:
        yield Heading("Put to the test", 2)
        yield Items([_make_item(finding) for finding in findings])


def _make_item(finding: Finding) -> Item:
    predicted = finding.probe.predict if finding.probe else "There is no probe that could be run."
    badge = Badge(finding.status, PROBE_TONES[finding.status])
    return Item(finding.id.removeprefix("f"), [predicted], [badge])
