"""A real IPython shell within the test's process, and what it showed."""

from __future__ import annotations

import atexit
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from assay_nb.engine.session import set_session


@dataclass(frozen=True)
class Ran:
    """One executed cell.

    Attributes:
        out: What it printed.
        err: What it printed to standard error.
        error: What it failed with; None when it did its work.
        result: Its value.
    """

    out: str
    err: str
    error: BaseException | None
    result: Any

    @property
    def shown(self) -> str:
        return self.out + self.err


class Shell:
    """An IPython shell to type cells into."""

    def __init__(self, ip: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
        self.ip = ip
        self._capsys = capsys

    def run(self, cell: str) -> Ran:
        """Run a cell as if it had been typed."""
        self._capsys.readouterr()
        done = self.ip.run_cell(cell, store_history=True)
        shown = self._capsys.readouterr()
        return Ran(shown.out, shown.err, done.error_before_exec or done.error_in_exec, done.result)

    def complete(self, line: str) -> list[str]:
        """Return what Tab offers at the end of a line."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # IPython calls its own completion API provisional
            return [found.text for found in self.ip.Completer.completions(line, len(line))]

    def __getitem__(self, name: str) -> Any:
        return self.ip.user_ns[name]


@contextmanager
def open_shell(capsys: pytest.CaptureFixture[str]) -> Generator[Shell]:
    """Make a shell with the extension loaded; afterwards the process is as it was."""
    set_session(None)
    saved = sys.displayhook, sys.excepthook, sys.path[:]
    ip = InteractiveShell.instance(user_module=ModuleType("typed"), colors="nocolor")
    try:
        ip.run_line_magic("load_ext", "assay_nb")
        yield Shell(ip, capsys)
    finally:
        # Otherwise a hundred shells, each with a thread, are ended one by one after the tests.
        atexit.unregister(ip.atexit_operations)
        ip.history_manager.end_session()
        ip.history_manager.save_thread.stop()
        ip.restore_sys_module_state()
        InteractiveShell.clear_instance()
        sys.modules.pop("typed", None)
        sys.displayhook, sys.excepthook, sys.path[:] = saved
        set_session(None)
