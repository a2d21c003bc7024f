"""A call, shown while it runs: one display that is updated, and that the file keeps only the last of."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportOptionalMemberAccess=false
# IPython's own types are partial: what its shell and its display hold is untyped.

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import DisplayHandle, display

from assay_nb.commands.terminal import rewrite_line
from assay_nb.instruments.base import Result
from assay_nb.render.bundle import bundle, draw, plain
from assay_nb.render.document import Block, Callout, Document, Item, Items, Verbatim, sentence

if TYPE_CHECKING:
    from assay_nb.experiments.run.progress import Progress

PAUSE = 0.1
"""Seconds between updates: more of them cost a notebook far more than they show a person."""


class Display(Protocol):
    """Where a running call is shown."""

    def note(self, text: str) -> None:
        """Say what is going on, until there is something to show."""
        ...

    def preview(self, make: Callable[[], Result | None]) -> None:
        """Show what has come so far; `make` is not called when it is too soon."""
        ...

    def watch(self, progress: Progress) -> None:
        """Show how far it is."""
        ...

    def hold(self, result: Result) -> None:
        """Show a result that is not the last: what comes later takes its place, or it stays."""
        ...

    def finish(self, result: Result) -> None:
        """Show the result, for good."""
        ...

    def fail(self) -> None:
        """Take away what was shown for the time being, save a result that is held.

        The error speaks for itself.
        """
        ...


def choose_display(shell: InteractiveShell | None) -> Display:
    """Return a notebook's display for a kernel, and a printing one for a terminal."""
    return NotebookDisplay() if hasattr(shell, "kernel") else TerminalDisplay(sys.stdout)


class NotebookDisplay:
    """One display handle per cell, throttled; its last update is the full MIME bundle."""

    def __init__(self) -> None:
        self._handle: DisplayHandle | None = None
        self._previewed: Result | None = None
        self._held: Result | None = None
        self._shown_at = 0.0

    def note(self, text: str) -> None:
        self._show(draw(self._above_held([Callout("info", sentence(text))])))

    def preview(self, make: Callable[[], Result | None]) -> None:
        if time.monotonic() - self._shown_at < PAUSE:
            return
        result = make()
        if result is not None and result != self._previewed:
            self._previewed = result
            self._show(draw(self._above_held(result.to_document().blocks)))
        self._shown_at = time.monotonic()

    def watch(self, progress: Progress) -> None:
        if progress.waiting:  # nothing else may come for a minute, so it is not too soon
            self._shown_at = 0.0
        self.preview(lambda: progress)

    def hold(self, result: Result) -> None:
        self.finish(result)
        self._held = result

    def finish(self, result: Result) -> None:
        self._show(*bundle(result.to_document(), result.to_saved()))

    def fail(self) -> None:
        if self._held is not None:
            self.finish(self._held)
        elif self._handle is not None:
            self._show({"text/plain": ""})

    def _above_held(self, blocks: Sequence[Block]) -> Document:
        held = self._held.to_document().blocks if self._held else ()
        return Document([*blocks, *held])

    def _show(self, data: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
        if self._handle is None:
            self._handle = display(data, raw=True, metadata=metadata or {}, display_id=True)
        else:
            self._handle.update(data, raw=True, metadata=metadata or {})
        self._shown_at = time.monotonic()


class TerminalDisplay:
    """Prints each finding, edit or stretch of text as it comes, and the whole at the end."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._items = 0
        self._text = ""
        self._held: Result | None = None

    def note(self, text: str) -> None:
        print(text, file=self._out, flush=True)

    def preview(self, make: Callable[[], Result | None]) -> None:
        result = make()
        if result is None:
            return
        for block in result.to_document().blocks:
            if isinstance(block, Items):
                self._print_items(block)
            elif isinstance(block, Verbatim) and block.text.startswith(self._text):
                print(
                    plain(Document([block]))[len(self._text) :], end="", file=self._out, flush=True
                )

    def watch(self, progress: Progress) -> None:
        rewrite_line(self._out, progress.line)

    def hold(self, result: Result) -> None:
        self._held = result  # its findings were printed as they came

    def finish(self, result: Result) -> None:
        rewrite_line(self._out, "")
        print(f"\n{plain(result.to_document())}", file=self._out, flush=True)

    def fail(self) -> None:
        if self._held is not None:
            self.finish(self._held)
        else:
            rewrite_line(self._out, "")

    def _print_items(self, block: Items) -> None:
        finished = block.items[:-1]  # the last one is still being written
        for item in finished[self._items :]:
            line = plain(Document([Items([Item(item.label, item.title)])]))
            print(line, file=self._out, flush=True)
        self._items = max(self._items, len(finished))
