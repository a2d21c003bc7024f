"""Before anything is spent on candidates: how noisy is the measurement, and is there room to improve?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay_nb.evaluation.differences import Score
from assay_nb.evaluation.paired import ALPHA, fewest_discordant
from assay_nb.evaluation.power import smallest_detectable


@dataclass(frozen=True, slots=True)
class NoiseFloor:
    """How much scores move when nothing was changed: the old prompt, run twice on the same rows.

    Attributes:
        rows: Rows with a score both times.
        changed: The share of them whose score changed.
        deviation: The standard deviation of the change, which bounds what can be detected.
        shift: The mean change. Far from zero, it points at the harness: a cache, a time of day.
    """

    rows: int
    changed: float
    deviation: float
    shift: float


def noise_floor(once: Sequence[Score], again: Sequence[Score]) -> NoiseFloor:
    """Return the noise floor of two runs of one prompt on the same rows; rows without a score are left out."""
    changes = [
        float(b) - float(a)
        for a, b in zip(once, again, strict=True)
        if a is not None and b is not None
    ]
    rows = len(changes)
    if not rows:
        return NoiseFloor(rows=0, changed=0.0, deviation=0.0, shift=0.0)
    return NoiseFloor(
        rows=rows,
        changed=sum(change != 0 for change in changes) / rows,
        deviation=(sum(change**2 for change in changes) / rows) ** 0.5,
        shift=sum(changes) / rows,
    )


@dataclass(frozen=True, slots=True)
class Headroom:
    """Whether an improvement could be seen if there were one.

    Attributes:
        is_enough: False says: stop here, no verdict could be "improved".
        room: How far the mean score is from the top.
        reason: Why, in a sentence.
    """

    is_enough: bool
    room: float
    reason: str


def check_headroom(
    baseline: Sequence[Score],
    *,
    test_rows: int,
    noise: NoiseFloor | None = None,
    top: float = 1.0,
    alpha: float = ALPHA,
) -> Headroom:
    """Return whether the old prompt leaves room that a test on `test_rows` rows could show.

    Two things end it: so few rows below the top that fixing every one would still be too few for the
    test, or noise so large that even the whole room is under the smallest detectable effect.

    Args:
        baseline: The old prompt's scores on dev.
        test_rows: How many rows the confirmatory test will have.
        noise: The noise floor, where it was measured.
        top: The best possible score.
        alpha: What the test may spend: a later look at the same rows takes more of them to show anything.
    """
    scores = [float(score) for score in baseline if score is not None]
    if not scores:
        return Headroom(False, 0.0, "The old prompt has no score on any row.")
    room = top - sum(scores) / len(scores)
    imperfect = sum(score < top for score in scores) / len(scores) * test_rows
    fewest = fewest_discordant(alpha)
    if imperfect < fewest:
        reason = (
            f"The old prompt is at the ceiling: of {test_rows} test rows about {imperfect:.0f} can get better, "
            f"and a test needs {fewest} that do."
        )
        return Headroom(False, room, reason)
    floor = smallest_detectable(test_rows, noise.deviation, alpha=alpha) if noise else 0.0
    if floor >= room:
        reason = (
            f"Noise swamps the score: on {test_rows} test rows nothing under {floor:.2g} can be seen, and the old "
            f"prompt leaves {room:.2g}."
        )
        return Headroom(False, room, reason)
    return Headroom(True, room, f"The old prompt leaves {room:.2g} to the top.")
