"""How wide text is: in a terminal, in a pipe, and where a kernel collects it."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
from contextlib import redirect_stdout

import pytest

from assay_nb.render.surroundings import PAGE, find_width

ASK = "from assay_nb.render.surroundings import find_width; print(find_width())"


def ask_in_terminal(columns: int, **environ: str) -> int:
    """Ask for the width on a real terminal of so many columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    try:
        run(ASK, stdin=slave, stdout=slave, **environ)
        return int(os.read(master, 100))
    finally:
        os.close(master)
        os.close(slave)


def run(script: str, *, stdin: int, stdout: int, **environ: str) -> str:
    surroundings = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command,
        check=True,
        stdin=stdin,
        stdout=stdout,
        text=True,
        timeout=60,
        env=surroundings | environ,
    )
    return done.stdout


@pytest.mark.slow
def test_terminal_decides_how_wide_text_is() -> None:
    assert ask_in_terminal(50) == 50


@pytest.mark.slow
def test_columns_variable_outranks_the_terminal() -> None:
    assert ask_in_terminal(50, COLUMNS="61") == 61


@pytest.mark.slow
def test_pipe_has_the_width_of_a_page_unless_columns_says_otherwise() -> None:
    pipe = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}

    assert int(run(ASK, **pipe)) == PAGE == 88
    assert int(run(ASK, **pipe, COLUMNS="61")) == 61


def test_stream_that_a_kernel_puts_in_place_has_the_width_of_a_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")

    with redirect_stdout(io.StringIO()):
        assert find_width() == PAGE
