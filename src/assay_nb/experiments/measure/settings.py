"""Settings of a measurement, and what they must not be."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from assay_nb.errors import WrongUsage
from assay_nb.experiments.grading.metrics import Metric
from assay_nb.experiments.measure.candidates import MAX_CANDIDATES
from assay_nb.experiments.measure.ledger import DIRECTORY
from assay_nb.experiments.spending.limits import Limits
from assay_nb.instruments.judge import RubricLike


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to measure; see `assay_nb.measure`."""

    metric: Metric | None = None
    rubric: RubricLike | None = None
    workspace: str | None = None
    model: str | None = None
    judge_model: str | None = None
    limits: Limits = field(default_factory=Limits)
    margin: float | None = None
    cluster: str | None = None
    top: float | None = None
    candidates: int = MAX_CANDIDATES
    feedback: str | None = None
    executor: Executor | None = None
    fresh: bool = False
    count_cut: bool = False
    keep_empty: bool = False
    holdout: bool = False
    rows: Literal["all", "unseen"] = "all"
    seed: int = 0
    ledger: str | Path | bool | None = True
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


def find_ledger(ledger: str | Path | bool | None) -> Path:
    """Return the directory of a run's record: the one that was named, or the usual one."""
    return Path(DIRECTORY) if ledger is True or not ledger else Path(ledger)


def check_settings(settings: Settings) -> None:
    """Refuse settings that contradict each other, or that a run would pass over.

    Raises:
        WrongUsage: If there are such.
    """
    if not 1 <= settings.candidates <= MAX_CANDIDATES:
        raise WrongUsage(
            f"candidates is 1 to {MAX_CANDIDATES}: with more, luck wins.",
        )
    if settings.rows not in ("all", "unseen"):
        raise WrongUsage(
            f"rows is 'all' or 'unseen', not {settings.rows!r}.",
            hint="'unseen' tests the rows that no earlier run in this directory has tested.",
        )
    if settings.rows == "unseen" and settings.ledger in (None, False):
        raise WrongUsage(
            "rows='unseen' needs a ledger, which lists the rows that were tested.",
            hint="Leave ledger=False out, or leave rows='unseen' out.",
        )
    if settings.metric is not None and settings.rubric is not None:
        raise WrongUsage("A metric and a rubric are two measures; give one of them.")
    if settings.metric is not None and settings.judge_model is not None:
        raise WrongUsage(
            "judge_model is for a run that a judge scores, and this one has a metric. Nothing was sent.",
            hint="Leave judge_model (--judge-model) out, or leave the metric out.",
        )
