"""Cut, filtered and failed replies held against a truth in which nothing changes, beside the rule before."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay_nb import measure
from assay_nb.engine.call import Call
from assay_nb.engine.session import set_session
from assay_nb.evaluation import paired_verdict, pairwise_verdict
from assay_nb.evaluation.paired import ALPHA, sign_test
from assay_nb.messages import Reply
from tests.conftest import NIGHTLY
from tests.evaluation.simulate import TaskModel, ceiling
from tests.experiments.simulated import OLD, Engine, Session, is_good, make_rows
from tests.experiments.simulated import TaskModel as Answering

ROWS = 60
RUNS = 4_000 if NIGHTLY else 200
SHARE = 0.3
"""How many of the replies that a pattern points at are lost. Of all rows that is some 15%, under the fifth."""

Rng = np.random.Generator
Array = np.ndarray


@dataclass
class World:
    """What both prompts truly do on each row, and how hard it is: nothing changes."""

    old: Array
    new: Array
    difficulty: Array


Losing = Callable[[Rng, World], "tuple[Array, Array]"]
"""Which replies are lost, old and new."""


def _some(rng: Rng, where: Array) -> Array:
    return where & (rng.random(where.shape) < SHARE)


def _hardest(world: World) -> Array:
    return world.difficulty <= np.quantile(world.difficulty, 0.15)


def _none(world: World) -> Array:
    return np.zeros(len(world.old), bool)


PATTERNS: dict[str, Losing] = {
    "at random, both": lambda rng, w: (
        rng.random(len(w.old)) < 0.08, rng.random(len(w.old)) < 0.08,
    ),
    "the hardest rows, new only": lambda rng, w: (_none(w), _hardest(w)),
    "the hardest rows, old only": lambda rng, w: (_hardest(w), _none(w)),
    "the hardest rows, both": lambda rng, w: (_hardest(w), _hardest(w)),
    "wrong replies, new only": lambda rng, w: (_none(w), _some(rng, ~w.new)),
    "right replies, old only": lambda rng, w: (_some(rng, w.old), _none(w)),
    "wrong replies, both": lambda rng, w: (_some(rng, ~w.old), _some(rng, ~w.new)),
    "where the new one is worse, both": lambda rng, w: (
        _some(rng, w.old & ~w.new), w.old & ~w.new,
    ),
}  # fmt: skip


def make_world(rng: Rng) -> World:
    model = TaskModel(base=0.5)
    difficulty = model.difficulty(rng, (ROWS,))
    return World(model.run(rng, "", difficulty), model.run(rng, "", difficulty), difficulty)


def _sides(world: World, lost: tuple[Array, Array]) -> tuple[list[Any], list[Any]]:
    old, new = (
        [None if gone else int(score) for score, gone in zip(side, away, strict=True)]
        for side, away in zip((world.old, world.new), lost, strict=True)
    )
    return old, new


def _is_hopeless(old: list[Any], new: list[Any]) -> bool:
    """Whether not even the rows that are left could be significant: spares the whole computation."""
    changes = [b - a for a, b in zip(old, new, strict=True) if a is not None and b is not None]
    return sign_test(changes.count(1), changes.count(-1)) > ALPHA


def _judge(old: list[Any], new: list[Any]) -> tuple[list[Any], list[Any]]:
    """A judge that always knows: it sees pairs whose two replies are whole, in both orders."""
    words = {1: ("second", "first"), 0: ("tie", "tie"), -1: ("first", "second")}
    pairs = [
        (None, None) if a is None or b is None else words[b - a]
        for a, b in zip(old, new, strict=True)
    ]
    return [first for first, _ in pairs], [second for _, second in pairs]


def by_metric(old: list[Any], new: list[Any]) -> bool:
    return paired_verdict(old, new).verdict == "improved"


def by_judge(old: list[Any], new: list[Any]) -> bool:
    return pairwise_verdict(*_judge(old, new)).verdict == "improved"


def before(old: list[Any], new: list[Any], *, judged: bool = False) -> bool:
    """The rule before: what is left decides, if it still does with both sides of a lost row at the lowest.

    For a judge a lost pair had no score on either side, so that this was no difference at all.
    """
    kept = [(a, b) for a, b in zip(old, new, strict=True) if a is not None and b is not None]
    if len(old) - len(kept) > 0.2 * len(old):
        return False
    filled = [(a or 0, b or 0) for a, b in zip(old, new, strict=True)]
    if judged:
        filled = [*kept, *[(0, 0)] * (len(old) - len(kept))]
    return all(
        paired_verdict([a for a, _ in pairs], [b for _, b in pairs]).verdict == "improved"
        for pairs in (kept, filled)
    )


def run(pattern: str, ours: Callable[..., bool], *, judged: bool) -> tuple[float, float]:
    """Return how often a prompt that does nothing is "improved": ours, and by the rule before."""
    rng = np.random.default_rng(len(pattern))
    found = then = 0
    for _ in range(RUNS):
        world = make_world(rng)
        old, new = _sides(world, PATTERNS[pattern](rng, world))
        if not _is_hopeless(old, new):
            found += ours(old, new)
            then += before(old, new, judged=judged)
    return found / RUNS, then / RUNS


MISLEADING = {
    ("metric", "right replies, old only"),
    ("metric", "where the new one is worse, both"),
    ("judge", "right replies, old only"),
    ("judge", "wrong replies, new only"),
    ("judge", "where the new one is worse, both"),
}
"""Where the rule before was wrong more than once in forty: the controls."""


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(("name", "ours"), [("metric", by_metric), ("judge", by_judge)])
def test_lost_replies_make_no_prompt_better_than_itself(
    pattern: str, name: str, ours: Callable[..., bool]
) -> None:
    share, then = run(pattern, ours, judged=name == "judge")

    print(f"{name}, lost {pattern}: {share:.1%} falsely improved; by the rule before {then:.1%}")
    assert share <= ceiling(ALPHA, RUNS)
    if (name, pattern) in MISLEADING:
        assert then > ceiling(ALPHA, RUNS)


# --- the whole way ----------------------------------------------------------------------------------


class Cutting:
    """A model that is as good under both prompts, and cuts replies of the new one that would be wrong."""

    def __init__(self, seed: int) -> None:
        self._model = Answering(seed=seed, base=0.6)
        self._luck = random.Random(seed)

    def __call__(self, call: Call) -> str | Reply:
        said = self._model(call)
        is_cut = said == "bad" and call.prompt != OLD and self._luck.random() < 0.4
        return Reply("go", "length") if is_cut else said


def _share_improved(home: Path, runs: int, **settings: Any) -> float:
    improved = 0
    for seed in range(runs):
        session: Any = Session(home / f"{sorted(settings)}{seed}", Engine(task=Cutting(seed)))
        set_session(session)
        result = measure(
            OLD, f"{OLD} Again.", make_rows(60, seed), is_good, ledger=False, **settings
        )
        improved += result.verdict == "improved"
    set_session(None)
    return improved / runs


@pytest.mark.slow
def test_the_whole_way_finds_no_gain_in_replies_that_were_cut(home: Path) -> None:
    runs = 200 if NIGHTLY else 20

    assert _share_improved(home, runs) <= ceiling(ALPHA, runs)
