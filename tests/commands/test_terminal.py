"""Asking for a key: only unseen, and whatever is typed is taken without a complaint that quotes it."""

from __future__ import annotations

import getpass
import io
import sys
import warnings

import pytest

from assay_nb.commands.terminal import NotAsked, ask_hidden, ask_yes, rewrite_line
from assay_nb.errors import WrongUsage


def test_what_is_typed_is_returned_as_bytes_that_can_be_overwritten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(getpass, "getpass", lambda prompt: "typed")

    assert ask_hidden("Key: ") == bytearray(b"typed")


def test_bytes_that_are_no_text_are_taken_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        getpass, "getpass", lambda prompt: b"typ\xe9d".decode(errors="surrogateescape")
    )

    assert ask_hidden("Key: ") == bytearray(b"typ\xe9d")


def test_end_of_the_input_stores_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr(getpass, "getpass", end)

    with pytest.raises(WrongUsage, match="nothing was stored"):
        ask_hidden("Key: ")


def test_nothing_is_asked_where_it_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(prompt: str) -> str:
        warnings.warn("Can not control echo on the terminal.", getpass.GetPassWarning, stacklevel=2)
        raise AssertionError("it was asked all the same")

    monkeypatch.setattr(getpass, "getpass", shown)

    with pytest.raises(NotAsked, match="was not requested"):
        ask_hidden("Key: ")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False), ("yep\n", False)],
)
def test_only_a_yes_is_a_yes(typed: str, meant: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))

    assert ask_yes("Delete it?") is meant


class Terminal(io.StringIO):
    """A terminal to write to."""

    def isatty(self) -> bool:
        return True


def test_line_that_is_rewritten_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("assay_nb.commands.terminal.find_width", lambda: 20)
    out = Terminal()

    rewrite_line(out, "rows: 3 of 9 and a good deal more")

    assert out.getvalue() == "\r\x1b[Krows: 3 of 9 and a "


def test_dumb_terminal_gets_no_line_that_it_cannot_take_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    out = Terminal()

    rewrite_line(out, "rows: 3 of 9")
    rewrite_line(out, "")

    assert out.getvalue() == ""
