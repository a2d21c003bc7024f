"""The review of an improvement: its edits one by one, and what comes of them.

The diff is always against the original, whatever has been accepted so far.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportMissingTypeStubs=false
# ipywidgets ships no types.

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any

import ipywidgets as widgets
from comm import create_comm

from assay_nb.errors import AssayError, WrongUsage
from assay_nb.instruments.improve import Improvement
from assay_nb.panels.base import WIDE, News, Panel, button, show
from assay_nb.render.document import Code, Diff, Document, Heading, Hunk, Paragraph, Verbatim

NEXT_CELL = "assay_nb.next_cell"
"""The comm target by which the JupyterLab extension is asked for a cell."""

_CHOICES = [("Accept", True), ("Reject", False)]


class ReviewPanel(Panel):
    """Accept or reject each edit, see the prompt change, and take it.

    Attributes:
        original: The improvement under review, as it came.
        choices: One control per edit, by its number.
    """

    title = "Review"

    def __init__(
        self,
        improvement: Improvement,
        names: MutableMapping[str, Any],
        insert: Callable[[str], None] | None = None,
    ) -> None:
        """Prepare a review.

        Args:
            improvement: What is reviewed.
            names: Where `use` puts the text: a notebook's variables.
            insert: Puts a text into the next cell, where the front end can.
        """
        self.original = improvement
        self._names = names
        self._insert = insert
        self._batch = False
        self.news = News()
        self.preview = widgets.HTML()
        self.name = widgets.Text(value="improved", description="Variable", style=WIDE)
        self.choices = {
            proposed.number: widgets.ToggleButtons(
                options=_CHOICES,
                value=proposed.number in improvement.accepted,
                tooltips=[f"Take edit {proposed.number}", f"Leave edit {proposed.number} out"],
                style={"button_width": "6em"},
            )
            for proposed in improvement.edits
        }

    @property
    def improvement(self) -> Improvement:
        """The improvement with the edits that are accepted now."""
        return self.original.accept(
            [number for number, choice in self.choices.items() if choice.value]
        )

    def build(self) -> Any:
        rows: list[Any] = []
        for hunk, choice in zip(self._hunks(), self.choices.values(), strict=True):
            choice.observe(self._on_choice, names="value")
            rows.append(widgets.VBox([widgets.HTML(show([Diff([hunk])])), choice]))
        acts = [
            button("Accept all", lambda: self.accept_all(True)),
            button("Reject all", lambda: self.accept_all(False)),
            self.name,
            button("Use", self._on_use, tip="Put the text into the variable", style="primary"),
        ]
        self._show_preview()
        bar = widgets.HBox(acts, layout={"flex_flow": "row wrap"})
        return widgets.VBox([*rows, self.preview, bar, self.news.widget])

    def accept_all(self, accepted: bool) -> None:
        """Accept every edit, or none."""
        self._batch = True
        for choice in self.choices.values():
            choice.value = accepted
        self._batch = False
        self._show_preview()

    def use(self, name: str | None = None, *, in_next_cell: bool = True) -> str:
        """Put the prompt with the accepted edits into a variable, and into the next cell.

        The next cell is filled where this is called from a cell and the front end can. For a button's
        click, which has no cell to come after, the front end is asked in a way of its own.

        Raises:
            WrongUsage: If `name` is not a name for a variable.
        """
        name = (name or self.name.value).strip()
        if not name.isidentifier():
            raise WrongUsage(f"'{name}' is not a name for a variable.", hint="Try 'improved'.")
        text = self.improvement.text
        self._names[name] = text
        if in_next_cell and self._insert is not None:
            self._insert(f"%%critique\n{text}")
        return text

    def document(self) -> Document:
        how = [
            "Without widgets: ",
            Code(".apply([1, 3])"),
            " gives the text with those edits, and ",
            Code("%%improve --accept 1,3 -o NAME"),
            " keeps it.",
        ]
        blocks = [b for b in self.improvement.to_document().blocks if not isinstance(b, Heading)]
        return Document([Heading("Review"), *blocks, Paragraph(how)])

    def _hunks(self) -> list[Hunk]:
        """Return one hunk per edit, without the word on its acceptance: the buttons say that."""
        blocks = self.original.accept("none").to_document().blocks
        hunks = [hunk for block in blocks if isinstance(block, Diff) for hunk in block.hunks]
        return [
            Hunk(hunk.label, hunk.pieces, hunk.note, hunk.badges[:-1], hunk.line) for hunk in hunks
        ]

    def _show_preview(self) -> None:
        taken = len(self.improvement.accepted)
        title = f"The prompt with {taken} of {len(self.choices)} edits"
        self.preview.value = show([Heading(title, 2), Verbatim(self.improvement.text)])

    def _on_choice(self, change: dict[str, Any]) -> None:
        if not self._batch:
            self._show_preview()

    def _on_use(self) -> None:
        try:
            text = self.use(in_next_cell=False)
        except AssayError as error:
            self.news.fail(error)
            return
        name = self.name.value.strip()
        put = ["The text is in ", Code(name)]
        self.news.say("good", [*put, ". Next: ", Code(f"%critique {name}")])
        ask_for_cell(
            f"%%critique\n{text}",
            lambda: self.news.say("good", [*put, " and in the next cell."]),
        )


def ask_for_cell(source: str, done: Callable[[], None]) -> None:
    """Ask the front end for a new cell below the one where somebody clicked.

    `done` is called when it is there: never in a front end that does not know this, which closes the
    comm unheard.
    """
    comm = create_comm(target_name=NEXT_CELL, data={"source": source})
    comm.on_msg(lambda _: done())
