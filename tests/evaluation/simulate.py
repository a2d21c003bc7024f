"""A task model and a judge with known truth, so that a verdict can be held against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay_nb.evaluation import paired_verdict

Rng = np.random.Generator
Array = NDArray[Any]

FEATURES: Mapping[str, float] = {
    "Return JSON with the keys id, city and date.": 0.2,
    "Write dates as YYYY-MM-DD.": 0.1,
    "You are a world-class expert.": 0.0,
    "This is very important.": 0.0,
    "Explain your reasoning before the JSON.": -0.15,
}
"""What each sentence truly does to the pass rate of the simulated model."""


@dataclass(frozen=True)
class TaskModel:
    """Passes a row with a probability that the prompt's sentences and the row's difficulty decide.

    `spread` is how far rows differ in difficulty. A row whose text stands in the prompt always passes:
    that is what a proposer gains that was shown the rows it is tested on, and nothing else gains it.
    """

    base: float = 0.5
    spread: float = 0.3
    features: Mapping[str, float] = field(default_factory=lambda: dict(FEATURES))

    def difficulty(self, rng: Rng, shape: tuple[int, ...]) -> Array:
        return rng.uniform(-self.spread, self.spread, shape)

    def rates(self, prompt: str, difficulty: Array) -> Array:
        gain = sum(effect for sentence, effect in self.features.items() if sentence in prompt)
        return np.clip(self.base + gain + difficulty, 0.0, 1.0)

    def run(self, rng: Rng, prompt: str, difficulty: Array) -> Array:
        return rng.random(difficulty.shape) < self.rates(prompt, difficulty)

    def true_effect(self, old: str, new: str) -> float:
        grid = np.linspace(-self.spread, self.spread, 10_001)
        return float((self.rates(new, grid) - self.rates(old, grid)).mean())


@dataclass(frozen=True)
class Answers:
    """Answers as a judge meets them: how good, how long, whether in the judge's own manner."""

    quality: Array
    length: Array
    own: Array


def make_answers(
    rng: Rng, shape: tuple[int, ...], *, good: float = 0.5, length: float = 400.0, own: float = 0.5
) -> Answers:
    return Answers(
        quality=rng.random(shape) < good,
        length=length * rng.lognormal(0.0, 0.3, shape),
        own=rng.random(shape) < own,
    )


@dataclass(frozen=True)
class Judge:
    """A judge with dials. Each bias is the chance of following it where nothing else speaks.

    accuracy: of preferring the better answer; 0.5 is blind. first_place: of preferring the answer shown
    first. length_bias: of preferring the longer. self_preference: of preferring its own manner.
    flip_rate: of saying the opposite of what it means.
    """

    accuracy: float = 0.8
    first_place: float = 0.5
    length_bias: float = 0.5
    self_preference: float = 0.5
    flip_rate: float = 0.0

    def prefers_first(self, rng: Rng, first: Answers, second: Answers) -> Array:
        lean = (
            _logit(self.accuracy) * np.sign(first.quality * 1.0 - second.quality)
            + _logit(self.first_place)
            + _logit(self.length_bias) * np.sign(first.length - second.length)
            + _logit(self.self_preference) * (first.own * 1.0 - second.own)
        )
        meant = rng.random(lean.shape) < 1 / (1 + np.exp(-lean))
        return meant ^ (rng.random(lean.shape) < self.flip_rate)


def judge_both_orders(rng: Rng, judge: Judge, old: Answers, new: Answers) -> Array:
    """Scores 1, 0, -1: a win only where both orders agree."""
    old_wins_first = judge.prefers_first(rng, old, new)
    new_wins_first = judge.prefers_first(rng, new, old)
    return np.where(
        new_wins_first & ~old_wins_first, 1, np.where(old_wins_first & ~new_wins_first, -1, 0)
    )


def judge_one_order(rng: Rng, judge: Judge, old: Answers, new: Answers) -> Array:
    """The mutant: one call per pair, the new answer always first."""
    return np.where(judge.prefers_first(rng, new, old), 1, -1)


@cache
def verdict_of(rows: int, wins: int, losses: int) -> str:
    """The verdict on so many wins, losses and ties: it depends on the counts alone."""
    new = [1] * wins + [-1] * losses + [0] * (rows - wins - losses)
    return paired_verdict([0] * rows, new).verdict


def share_improved(scores: Array) -> float:
    """Of simulated experiments, one a line, the share that the verdict calls improved."""
    wins, losses = (scores > 0).sum(axis=1), (scores < 0).sum(axis=1)
    rows = scores.shape[1]
    verdicts = [verdict_of(rows, int(w), int(k)) for w, k in zip(wins, losses, strict=True)]
    return verdicts.count("improved") / len(verdicts)


def ceiling(rate: float, runs: int) -> float:
    """A rate plus three standard errors of estimating it from so many runs."""
    return rate + 3 * (rate * (1 - rate) / runs) ** 0.5


def floor(rate: float, runs: int) -> float:
    """A rate less three standard errors of estimating it from so many runs."""
    return rate - 3 * (rate * (1 - rate) / runs) ** 0.5


def _logit(share: float) -> float:
    return float(np.log(share / (1 - share)))
