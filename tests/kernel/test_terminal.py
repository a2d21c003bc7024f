"""The magics in terminal IPython, typed at a pseudo-terminal."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.canaries import make_canary
from tests.kernel.replies import chunks, critique
from tests.kernel.stage import Stage

pexpect = pytest.importorskip("pexpect", reason="a terminal is played with pexpect")

WAIT = 30
PROMPT = r"In \[\d+\]: "


class Terminal:
    """IPython at a terminal: `type` a line, `read` up to the next prompt."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "IPython", "--no-banner", "--no-confirm-exit", *arguments],
            cwd=str(cwd),
            env={**_surroundings(), "TERM": "dumb", "NO_COLOR": "1"},
            encoding="utf-8",
            codec_errors="replace",
            timeout=WAIT,
            dimensions=(50, 160),
        )
        self.child.expect(PROMPT)

    def run(self, line: str) -> str:
        """Type a line, and return what is shown up to the next prompt."""
        self.child.sendline(line)
        return self.read()

    def run_cell(self, *lines: str) -> str:
        """Type a cell magic with its lines, and return what is shown once it has run."""
        self.type_cell(*lines)
        return self.read()

    def type_cell(self, *lines: str) -> None:
        """Type a cell magic with its lines; two empty ones end it."""
        for line in (*lines, ""):
            self.child.sendline(line)
            self.child.expect(r"\.\.\.: ")
        self.child.sendline("")

    def read(self) -> str:
        self.child.expect(PROMPT)
        return plain(self.child.before)

    def end(self) -> None:
        """End the process, however busy the machine: `close` alone gives up after half a second.

        What goes wrong here fails no test that has passed.
        """
        with suppress(pexpect.ExceptionPexpect, OSError):
            self.child.kill(signal.SIGKILL)
            self.child.wait()
            self.child.close()


def _surroundings() -> dict[str, str]:
    """Return the environment without the variable that outranks a terminal's own width."""
    return {name: value for name, value in os.environ.items() if name != "COLUMNS"}


def plain(text: str) -> str:
    """Return what a terminal would show of a text: no escape codes, no carriage returns."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]", "", text).replace("\r", "")


@pytest.fixture(scope="module")
def _terminal(_stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    place = tmp_path_factory.mktemp("terminal")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_HOME", str(_stage.home))
        patch.setenv("HOME", str(place))
        patch.setenv("IPYTHONDIR", str(place / ".ipython"))
        terminal = Terminal("--simple-prompt", "--colors=nocolor", cwd=place)
    terminal.loaded = terminal.run("%load_ext assay_nb")
    yield terminal
    terminal.end()


@pytest.fixture
def terminal(_terminal: Terminal, stage: Stage) -> Terminal:
    return _terminal


def test_loading_the_extension_prints_nothing(terminal: Terminal) -> None:
    assert terminal.loaded.strip() == "%load_ext assay_nb"


@pytest.mark.slow
def test_critique_prints_its_progress_and_then_the_whole(stage: Stage, terminal: Terminal) -> None:
    stage.fake.answers(*chunks(critique()))

    shown = terminal.run_cell("%%critique -o review", "Summarise {{ticket}} briefly.")

    assert shown.index("Asking anthropic/") < shown.index("The length is left open.")
    assert "Score 5.0 of 5" in shown
    assert "12 in, 5 out" in shown


def test_progress_comes_while_the_reply_streams(stage: Stage, terminal: Terminal) -> None:
    whole = critique()
    stage.fake.answers(whole[:-1], whole[-1], hold=True)

    terminal.type_cell("%%critique", "Summarise {{ticket}} briefly.")
    terminal.child.expect("Asking anthropic/")
    stage.fake.release()

    assert "Score 5.0 of 5" in terminal.read()


def test_a_result_typed_alone_prints_its_plain_form(stage: Stage, terminal: Terminal) -> None:
    stage.fake.answers(critique())
    terminal.run_cell("%%critique -o review", "Summarise {{ticket}} briefly.")

    shown = terminal.run("review")

    assert "Score 5.0 of 5" in shown
    assert "object at 0x" not in shown


def test_question_mark_shows_the_page(terminal: Terminal) -> None:
    shown = terminal.run_cell("%%critique?")

    assert "Score the prompt in this cell" in shown
    assert "usage: %%critique" in shown


@pytest.mark.parametrize("line", ["%critique --help", "%assay --help", "%assay keys set -h"])
def test_help_is_printed(line: str, terminal: Terminal) -> None:
    assert "usage: " in terminal.run(line)


def test_help_of_a_cell_magic_ends_the_cell_at_once(terminal: Terminal) -> None:
    assert "usage: %%critique " in terminal.run("%%critique -h")


@pytest.mark.slow
@pytest.mark.parametrize("columns", [50, 80])
def test_card_fits_the_terminal_and_carets_stand_under_their_words(
    columns: int, stage: Stage, terminal: Terminal
) -> None:
    stage.fake.answers(critique())
    terminal.child.setwinsize(24, columns)

    shown = terminal.run_cell(
        "%%critique -o review",
        "You are a support agent for Acme and its customers. Summarise {{ticket}} briefly.",
    )
    again = terminal.run("print(review)")
    terminal.child.setwinsize(50, 160)

    for text in (shown[shown.index("────") :], again[again.index("────") :]):
        lines = text.splitlines()
        (carets,) = [number for number, line in enumerate(lines) if "^" in line]
        start = lines[carets].index("^")
        assert lines[carets - 1][start:].startswith("briefly")
        assert max(map(len, lines)) <= columns


def test_mistake_is_one_line_without_a_traceback(terminal: Terminal) -> None:
    shown = terminal.run("%assay keys lst")

    assert "Did you mean list?" in shown
    assert "Traceback" not in shown


@pytest.mark.slow
def test_control_c_stops_the_call_and_keeps_what_came(stage: Stage, terminal: Terminal) -> None:
    whole = chunks(critique())
    stage.fake.answers(*whole, fault="stall", fault_after=len(whole) - 1)
    terminal.type_cell("%%critique -o stopped", "Summarise {{ticket}} briefly.")
    assert stage.fake.arrived.wait(WAIT)
    time.sleep(1.0)

    terminal.child.sendintr()
    shown = terminal.read()

    assert "Interrupted: stopped" in shown
    assert "The length is left open." in shown
    assert "Traceback" not in shown
    assert stage.fake.calls[-1].closed.wait(5)


def test_a_key_typed_at_the_prompt_is_not_echoed(stage: Stage, terminal: Terminal) -> None:
    key = make_canary("anthropic")
    stage.fake.keys = {key}
    terminal.run("%assay workspace create typed")
    terminal.child.sendline(
        f"%assay keys set anthropic -w typed --endpoint {stage.fake.endpoint('anthropic')}"
    )
    terminal.child.expect_exact("key (hidden; Enter alone if the server needs none): ")

    shown = terminal.run(key)

    assert "The Anthropic key is stored" in shown
    assert key not in shown


def test_end_of_input_at_the_hidden_prompt_is_one_line(stage: Stage, terminal: Terminal) -> None:
    terminal.child.sendline("%assay keys set anthropic")
    terminal.child.expect(r"key \(hidden\): ")
    terminal.child.sendeof()

    shown = terminal.read()

    assert "Traceback" not in shown
    assert "No key was given" in shown


@pytest.mark.slow
def test_the_full_prompt_works_too(stage: Stage, tmp_path: Path) -> None:
    stage.fake.answers(critique())
    terminal = Terminal("--colors=nocolor", cwd=tmp_path)
    try:
        terminal.child.sendline("%load_ext assay_nb")
        terminal.child.expect(r"In \[2\]")
        terminal.child.sendline("draft = 'Summarise {{ticket}} briefly.'")
        terminal.child.expect(r"In \[3\]")
        terminal.child.sendline("%critique draft")
        terminal.child.expect("The length is left open")
        terminal.child.expect("12 in, 5 out")
    finally:
        terminal.end()


@pytest.mark.slow
def test_ipython_ends_after_calls(stage: Stage, tmp_path: Path) -> None:
    stage.fake.answers(critique())
    terminal = Terminal("--simple-prompt", "--colors=nocolor", cwd=tmp_path)
    try:
        terminal.run("%load_ext assay_nb")
        terminal.run("draft = 'Summarise {{ticket}} briefly.'")
        terminal.run("%critique draft")

        terminal.child.sendline("exit")

        terminal.child.expect(pexpect.EOF)
    finally:
        terminal.end()
