"""The result of a suite: a score per case, and the bar."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from assay_nb.evaluation import PairedVerdict
from assay_nb.experiments.batch import shorten
from assay_nb.experiments.run.ends import describe_ends, order_ends
from assay_nb.instruments.base import Provenance, Shown, encode_provenance
from assay_nb.instruments.fineprint import make_fine_print, make_notices, make_warnings
from assay_nb.render.document import Badge, Block, Callout, Document, Heading, Paragraph, Table

_SHOWN_CASES = 20


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
        notes: What was said of the prompts before the first call: placeholders that nothing fills.
    """

    schema: ClassVar[str] = "assay.suiteresult.v1"

    name: str
    cases: tuple[CaseResult, ...]
    threshold: float
    verdict: PairedVerdict | None = None
    provenance: Provenance = field(default_factory=Provenance)
    notes: tuple[str, ...] = ()

    @property
    def score(self) -> float:
        """The mean score; a case without a whole reply counts 0."""
        return sum(case.score or 0.0 for case in self.cases) / len(self.cases)

    @property
    def passed(self) -> bool:
        """Whether the score reaches the bar, and the prompt has not regressed against the other version."""
        regressed = self.verdict is not None and self.verdict.verdict == "regressed"
        return self.score >= self.threshold - 1e-9 and not regressed

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "name": self.name,
            "score": self.score,
            "threshold": self.threshold,
            "passed": self.passed,
            "verdict": self.verdict.to_dict() if self.verdict else None,
            "cases": [asdict(case) for case in self.cases],
            "notes": list(self.notes),
            "provenance": encode_provenance(self.provenance),
        }

    def to_document(self) -> Document:
        return Document(tuple(_describe(self)))


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
    yield from make_warnings(result.notes)
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
