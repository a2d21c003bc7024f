"""Which option belongs to which kind of run: what a run cannot honour is refused, before anything is sent.

One table for the magics and for Python. An option that would be passed over in silence is worse than an
error: somebody who set a budget believes that it is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from assay_nb.errors import WrongUsage

LIMITS = (
    "budget",
    "max_calls",
    "concurrency",
    "limit",
    "sample",
    "price_in",
    "price_out",
)
"""What `Limits` takes, by the names that every face has for it."""

RUN = (*LIMITS, "fresh", "dry_run")
"""What every run of many calls takes."""


@dataclass(frozen=True, slots=True)
class Mode:
    """One way in which an instrument runs.

    Attributes:
        says: What it is, as an error names it.
        only: The options that make sense in this mode and in no other.
    """

    says: str
    only: tuple[str, ...]


_OVER_DATA = Mode("a run over data", (*RUN, "keep_empty", "executor", "on_progress"))
_BESIDE = tuple(name for name in _OVER_DATA.only if name not in {"limit", "sample", "keep_empty"})

MODES: Mapping[str, tuple[Mode, Mode]] = {
    # One call, then many calls.
    "playground": (Mode("a single run", ("values",)), _OVER_DATA),
    "beside": (Mode("a comparison of two single runs", ("values", *_BESIDE)), _OVER_DATA),
    "judge": (
        Mode("a single output", ("values",)),
        Mode("a table of outputs", (*RUN, "count_cut", "executor", "on_progress")),
    ),
    "improve": (
        Mode("%%improve without --data", ("accept", "findings")),
        Mode(
            "an improvement that is measured on data",
            (
                *RUN,
                "metric",
                "rubric",
                "judge_model",
                "margin",
                "cluster",
                "candidates",
                "rows",
                "count_cut",
                "keep_empty",
            ),
        ),
    ),
    "critique": (
        Mode("a critique without --probe", ()),
        Mode("a critique with --probe", ("judge_model",)),
    ),
}


def check_mode(
    name: str, given: Iterable[str], *, many: bool, write: Callable[[str], str] = str
) -> None:
    """Raise `WrongUsage` for an option that the mode cannot honour.

    Args:
        name: The instrument; "beside" for a playground that sees two things beside each other.
        given: The options that were set.
        many: Whether it is the mode with many calls.
        write: Turns an option's name into what was typed, such as `--max-calls`.
    """
    chosen, other = MODES[name][many], MODES[name][not many]
    for option in given:
        if option in other.only and option not in chosen.only:
            raise WrongUsage(
                f"{write(option)} is for {other.says}, and this is {chosen.says}. Nothing was sent.",
                hint=_HINTS[name, many],
            )


_HINTS = {
    ("playground", False): "Give it data (`--data NAME`), or leave the option out.",
    ("playground", True): "Leave the option out: values come from the data's columns.",
    ("beside", False): "Give it data (`--data NAME`), or leave the option out.",
    ("beside", True): "Leave the option out: values come from the data's columns.",
    ("judge", False): "Judge a playground's table, or leave the option out.",
    ("judge", True): "Leave the option out: a table has its own values.",
    ("improve", False): "Give it data (`--data NAME`), or leave the option out.",
    ("improve", True): "Leave the option out: the test decides here.",
    ("critique", False): "Add `--probe`, or leave the option out.",
    ("critique", True): "Leave the option out.",
}
