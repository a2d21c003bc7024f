"""A run ends with whoever listens to it: nothing goes on, and is paid for, behind a traceback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assay_nb import measure, playground
from assay_nb.engine.session import set_session
from assay_nb.experiments.calibration.judge_check import LabelledPair, check_judge
from assay_nb.experiments.calibration.self_check import check_self
from assay_nb.experiments.run.progress import Progress
from assay_nb.experiments.suites.expectations import Case
from assay_nb.experiments.suites.file import Suite
from assay_nb.experiments.suites.run import run_suite
from assay_nb.magics.display import NotebookDisplay, TerminalDisplay
from tests.experiments.simulated import GAIN, OLD, Engine, Session, is_good, make_rows
from tests.instruments.driving import make_choice
from tests.magics.shells import open_shell
from tests.tools import wait_until

NEW = f"{OLD} {GAIN}"
PROMPT = "Repeat: {{ticket}}"
PAIRS = [LabelledPair(f"task {n}", f"good {n}", f"poor {n}") for n in range(10)]
SUITE = Suite(
    name="suite", prompt=PROMPT, cases=tuple(Case({"ticket": f"t{n}"}) for n in range(20))
)
TIE = make_choice("tie")

OnProgress = Callable[[Progress], None]
Run = Callable[[Any, OnProgress], object]

RUNS: dict[str, Run] = {
    "playground": lambda _, on: playground(PROMPT, data=make_rows(20), on_progress=on),
    "measure": lambda _, on: measure(OLD, NEW, make_rows(40), is_good, on_progress=on),
    "suite": lambda session, on: run_suite(session, SUITE, on_progress=on),
    "judge check": lambda session, on: check_judge(
        session, PAIRS, rubric="- Good.", on_progress=on
    ),
    "self-check": lambda session, on: check_self(session, on_progress=on),
}


def wait_for_calls(engine: Engine, *, any_left: bool) -> None:
    """Wait until calls are under way, or until none is."""
    wait_until(
        lambda: (engine.now > 0) is any_left, 20, lambda: f"{engine.now} calls are under way."
    )


@pytest.mark.parametrize("run", RUNS.values(), ids=list(RUNS))
def test_calls_under_way_end_when_the_listener_is_interrupted(
    run: Run, session: Session, engine: Engine
) -> None:
    engine.stall_after = 3
    engine.judge = lambda call, request: TIE

    def interrupted(progress: Progress) -> None:
        if progress.done >= 1:
            wait_for_calls(engine, any_left=True)  # else this would show nothing
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as kept:  # and with it the traceback and all its frames
        run(session, interrupted)

    wait_for_calls(engine, any_left=False)
    assert kept.traceback


def test_calls_under_way_end_when_an_interrupt_lands_in_the_display(
    session: Session,
    engine: Engine,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine.stall_after = 3

    def interrupted(self: object, progress: Progress) -> None:
        if progress.done >= 1:
            wait_for_calls(engine, any_left=True)
            raise KeyboardInterrupt

    for display in (NotebookDisplay, TerminalDisplay):
        monkeypatch.setattr(display, "watch", interrupted)
    with open_shell(capsys) as shell:
        set_session(session)
        shell.ip.user_ns["rows"] = make_rows(20)

        ran = shell.run(f"%%playground --data rows -o table\n{PROMPT}")

        wait_for_calls(engine, any_left=False)
        assert ran.error is not None
        assert 1 <= shell["table"].done <= 3
