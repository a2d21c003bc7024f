"""How a call is shown: once, in one place, and with nothing that the terminal cannot do."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest

from assay_nb.experiments.run.progress import Progress
from assay_nb.instruments.playground import Run
from assay_nb.magics.display import NotebookDisplay, TerminalDisplay
from tests.fakes.providers import Answer
from tests.instruments.driving import make_mark, make_plain_critique, make_slot
from tests.kernel.stage import Stage
from tests.magics.shells import Shell

PROMPT = "You are a support agent. Summarise {{ticket}} briefly and be detailed."
HELD, LAST = Run("Say it.", "the first result"), Run("Say it.", "the last result")


class Shown(NotebookDisplay):
    """A notebook's display that keeps each state in place of sending it."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[str] = []

    def _show(self, data: dict, metadata: dict | None = None) -> None:
        self.states.append(data["text/plain"])


class Screen(io.StringIO):
    """A terminal to write to."""

    def isatty(self) -> bool:
        return True


# --- a result that another one follows ---------------------------------------------------------------


def test_progress_stands_above_a_result_that_is_held() -> None:
    display = Shown()

    display.hold(HELD)
    display.note("Probing the findings")
    display.finish(LAST)

    assert ["the first result" in state for state in display.states] == [True, True, False]
    assert "Probing the findings" in display.states[1]
    assert "the last result" in display.states[2]


def test_held_result_stays_where_what_follows_fails() -> None:
    display = Shown()

    display.hold(HELD)
    display.note("Probing the findings")
    display.fail()

    assert "the first result" in display.states[-1]
    assert "Probing" not in display.states[-1]


def test_terminal_prints_a_held_result_once_where_what_follows_fails() -> None:
    out = io.StringIO()
    display = TerminalDisplay(out)

    display.hold(HELD)
    display.fail()

    assert out.getvalue().count("the first result") == 1


def test_terminal_does_not_print_a_held_result_that_another_replaces() -> None:
    out = io.StringIO()
    display = TerminalDisplay(out)

    display.hold(HELD)
    display.finish(LAST)

    assert "the first result" not in out.getvalue()
    assert "the last result" in out.getvalue()


def probed_critique() -> str:
    slot = make_slot("briefly", probe="none", predict="It invents a ticket.")
    return json.dumps(make_plain_critique(slot))


def answer(judged: str) -> str:
    mark = make_mark(judged, "So.")
    return json.dumps(mark)


@pytest.mark.slow
def test_probed_critique_is_printed_once_with_what_the_probes_showed(
    stage: Stage, shell: Shell
) -> None:
    stage.fake.queue(Answer(chunks=(probed_critique(),)), Answer(chunks=("The ticket says …",)))
    stage.fake.answers(answer("yes"))

    shown = shell.run(f"%%critique --probe\n{PROMPT}").out

    assert shown.count("Critique\n────") == 1
    assert "confirmed" in shown


def test_critique_is_shown_and_kept_where_the_probes_fail(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(probed_critique())

    ran = shell.run(f"%%critique --probe --judge-model nope/none -o review\n{PROMPT}")

    assert ran.error is not None
    assert ran.out.count("Critique\n────") == 1
    assert len(shell["review"].findings) == 1


# --- a run that waits -------------------------------------------------------------------------------

WAIT = "waiting 46 s for OpenAI: its limit is reached"


def test_wait_is_shown_however_soon_after_a_row() -> None:
    display = Shown()
    row = Progress("Running", "rows", done=3, total=9)

    display.watch(row)
    display.watch(replace(row, done=4))
    display.watch(replace(row, done=4, waiting=WAIT))

    shown = [WAIT in " ".join(state.split()) for state in display.states]
    assert shown == [False, True], "the second row came too soon to be drawn"


def test_wait_stands_in_a_terminals_line_until_the_next_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    display = TerminalDisplay(screen)
    row = Progress("Running", "rows", done=3, total=9)

    display.watch(replace(row, waiting=WAIT))
    display.watch(replace(row, done=4))

    drawn = screen.getvalue().split("\r\x1b[K")
    assert drawn == ["", f"rows: 3 of 9 · {WAIT}", "rows: 4 of 9"]


# --- what a terminal can do ---------------------------------------------------------------------------

PROGRESS = Progress("Running", "rows", done=3, total=9)


def test_progress_takes_the_place_of_the_line_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()

    TerminalDisplay(screen).watch(PROGRESS)

    assert screen.getvalue() == f"\r\x1b[K{PROGRESS.line}"


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_terminal_that_cannot_erase_gets_no_sequences(
    term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    screen = Screen()
    display = TerminalDisplay(screen)

    display.watch(PROGRESS)
    display.fail()
    display.finish(LAST)

    assert "\x1b" not in screen.getvalue()
    assert "\r" not in screen.getvalue()
    assert "the last result" in screen.getvalue()
