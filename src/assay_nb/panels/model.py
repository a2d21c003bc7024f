"""The workspace's model, and the person's demo calls."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportMissingTypeStubs=false
# ipywidgets ships no types.

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from assay_nb.engine.session import Session
from assay_nb.panels.base import WIDE, LivePanel, button, show
from assay_nb.render.document import (
    Block,
    Callout,
    Code,
    Document,
    Heading,
    Meter,
    Paragraph,
    Scorecard,
)


class ModelPanel(LivePanel):
    """Show and set the model, and show what is left of the demo."""

    title = "Model"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.field = widgets.Combobox(
            description="Model", placeholder="PROVIDER/MODEL", ensure_option=False, style=WIDE
        )
        self.facts = widgets.HTML()

    def build(self) -> Any:
        self.field.options = self.session.control.known_models()
        self.refresh()
        acts = [
            button("Set", lambda: self.act(self.set), tip="Use this model in the workspace"),
            button(
                "Default", lambda: self.act(self.reset), tip="Go back to the provider's default"
            ),
        ]
        return widgets.VBox([widgets.HBox([self.field, *acts]), self.facts, self.news.widget])

    def refresh(self) -> None:
        self.field.value = self.look(self.session.control.model) or ""
        self.facts.value = show(self._blocks())

    def set(self) -> None:
        """Make the field's model the workspace's."""
        self._set(self.field.value.strip() or None)

    def reset(self) -> None:
        """Go back to the provider's default."""
        self._set(None)

    def document(self) -> Document:
        how = Paragraph(["Another one: ", Code("%assay model PROVIDER/MODEL"), "."])
        return Document([Heading("Model and demo budget"), *self._blocks(), how])

    def _set(self, model: str | None) -> None:
        now = self.ask(self.session.control.set_model, None, model)
        self.refresh()
        self.news.say("good", [f"Calls use {now}." if now else "Calls use the provider's default."])
        self.changed()

    def _blocks(self) -> list[Block]:
        standing = self.ask(self.session.control.standing)
        model = standing.model or "none: the workspace has no key yet"
        blocks: list[Block] = [Paragraph(["Calls use ", Code(model), "."])]
        if standing.workspace is None:
            blocks = [Paragraph(["No workspace is chosen, so there is no model."])]
        blocks += [Callout("warning", [text]) for text in standing.warnings]
        budget = standing.budget
        if not budget.granted:
            return [
                *blocks,
                Paragraph(["There are no demo calls here: calls use the workspace's key."]),
            ]
        note = "Once in a lifetime, for critique, improve and rewrite."
        row = Meter("demo calls left", budget.left, budget.granted, note, judged=False)
        return [*blocks, Scorecard([row])]
