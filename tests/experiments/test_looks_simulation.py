"""Histories of looks held against a truth in which nothing changes, beside the rule without an allowance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from assay_nb.evaluation import paired_verdict
from assay_nb.evaluation.paired import ALPHA
from assay_nb.experiments.measure.ledger import Ledger, Look
from assay_nb.experiments.measure.looks import Sight, prepare_look
from tests.conftest import NIGHTLY
from tests.evaluation.simulate import TaskModel, ceiling, verdict_of

ROWS, MOST = 60, 10
HISTORIES = 6_000 if NIGHTLY else 350
NAMES = tuple(f"row{number}" for number in range(ROWS))
PROMPT = "Extract the order from {{ticket}}."

Rng = np.random.Generator
Scores = np.ndarray


class Memory(Ledger):
    """A ledger that keeps its looks in memory; everything else about it is the real one's."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))
        self._kept: list[Look] = []

    def looks(self, *, practice: bool = False) -> list[Look]:
        return list(self._kept)

    def append(self, look: Look) -> None:
        self._kept.append(look)


@dataclass
class Person:
    """Somebody who looks again and again until a prompt that does nothing is "improved"."""

    rng: Rng
    model: TaskModel = field(default_factory=TaskModel)
    ledger: Memory = field(default_factory=Memory)
    prompts: int = 0

    def __post_init__(self) -> None:
        self.difficulty = self.model.difficulty(self.rng, (ROWS,))
        self.old = self.ask()

    def ask(self) -> Scores:
        return self.model.run(self.rng, PROMPT, self.difficulty).astype(float)

    def look(self, *, fresh: bool) -> tuple[bool, bool]:
        """Look once more; return whether our rule, and the rule of .025 a look, say "improved"."""
        if fresh:
            self.old = self.ask()
        else:
            self.prompts += 1
        new = self.ask()
        return self._ours(new, fresh), self._naive(new)

    def _ours(self, new: Scores, fresh: bool) -> bool:
        pairs = tuple(zip(self.old.tolist(), new.tolist(), strict=True))
        sight = Sight(
            pair=f"prompt {self.prompts}", legacy="", prompts="", terms="t", unseen=False, practice=False,
            rows=NAMES, inputs=(), scores=pairs, kept=((not fresh, False),) * ROWS,
        )  # fmt: skip
        glance = prepare_look(self.ledger, sight)
        self.ledger.append(glance.look)
        runs = [[pair, *earlier] for pair, earlier in zip(pairs, glance.earlier, strict=True)]
        means = np.array([np.mean([b - a for a, b in row]) for row in runs])
        if _is_hopeless(means, glance.alpha):
            return False
        paired = paired_verdict(
            self.old.tolist(), new.tolist(), alpha=glance.alpha, earlier=glance.earlier
        )
        return glance.finish(paired).verdict == "improved"

    def _naive(self, new: Scores) -> bool:
        change = new - self.old
        return verdict_of(ROWS, int((change > 0).sum()), int((change < 0).sum())) == "improved"


def _is_hopeless(means: Scores, alpha: float) -> bool:
    """Whether no test could reject: spares what takes the time, the draws of a test that is far off."""
    spread = means.std(ddof=1) / ROWS**0.5
    return means.mean() <= 0 or (
        spread > 0 and means.mean() / spread < 0.8 * (2 * -np.log(alpha)) ** 0.5 - 0.8
    )


SCHEDULES: dict[str, Callable[[Rng], bool]] = {
    "fresh repeats of one prompt": lambda rng: True,
    "a new prompt each time": lambda rng: False,
    "any mixture": lambda rng: bool(rng.random() < 0.5),
}


def run_histories(is_fresh: Callable[[Rng], bool], seed: int) -> tuple[float, float]:
    """Return the share of histories of up to ten looks with an "improved" in them: ours, .025 a look."""
    rng = np.random.default_rng(seed)
    ours = naive = 0
    for _ in range(HISTORIES):
        person = Person(rng)
        said = [person.look(fresh=look > 0 and is_fresh(rng)) for look in range(MOST)]
        ours += any(one for one, _ in said)
        naive += any(other for _, other in said)
    return ours / HISTORIES, naive / HISTORIES


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_ten_looks_at_nothing_are_improved_at_most_once_in_forty_in_all(schedule: str) -> None:
    ours, naive = run_histories(SCHEDULES[schedule], seed=len(schedule))

    print(f"{schedule}: {ours:.1%} falsely improved in {MOST} looks; at .025 a look {naive:.1%}")
    assert ours <= ceiling(ALPHA, HISTORIES)
    assert naive > ceiling(ALPHA, HISTORIES)  # the control: what the allowance is for
