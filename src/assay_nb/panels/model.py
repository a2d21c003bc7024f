"""The workspace's model, and the person's demo calls."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportMissingTypeStubs=false
# ipywidgets ships no types.

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from assay_nb.engine.connect_form import is_first
from assay_nb.engine.control import Standing
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
from assay_nb.text.english import count


class ModelPanel(LivePanel):
    """Show and set the model, and show what is left of the demo."""

    title = "Model"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.field = widgets.Combobox(
            description="Model", placeholder="CONNECTION/MODEL", ensure_option=False, style=WIDE
        )
        self.facts = widgets.HTML()
        self._listed: list[str] = []
        self._listed_for = ""

    def build(self) -> Any:
        self.refresh()
        acts = [
            button("Set", lambda: self.act(self.set), tip="Use this model in the workspace"),
            button(
                "Default", lambda: self.act(self.reset), tip="Go back to the provider's default"
            ),
            button(
                "List models",
                lambda: self.act(self.list_models),
                tip="Ask each connection's server for its models: free",
            ),
        ]
        return widgets.VBox([widgets.HBox([self.field, *acts]), self.facts, self.news.widget])

    def refresh(self) -> None:
        self.field.value = self.look(self.session.control.model) or ""
        standing = self.ask(self.session.control.standing)
        self.field.options = self._known(standing)
        self.facts.value = show(self._blocks(standing))

    def set(self) -> None:
        """Make the field's model the workspace's."""
        self._set(self.field.value.strip() or None)

    def reset(self) -> None:
        """Go back to the provider's default."""
        self._set(None)

    def list_models(self) -> None:
        """Ask the workspace's servers for their models, and offer those in the field."""
        self.news.say("info", ["Asking …"])
        listing = self.ask(self.session.control.models, None, ask=True)
        standing = self.ask(self.session.control.standing)
        self._listed = [f"{fact.provider}/{fact.name}" for fact in listing]
        self._listed_for = _id_of(standing)
        self.field.options = self._known(standing)
        said = f"{count(len(listing), 'model')} listed. Empty the field, and type to find one."
        missing = [f" {one.connection}: {one.message}" for one in listing.failures]
        self.news.say("warning" if missing else "info", [said, *missing])

    def document(self) -> Document:
        how = Paragraph(["Another one: ", Code("%assay model CONNECTION/MODEL"), "."])
        standing = self.ask(self.session.control.standing)
        return Document([Heading("Model and demo budget"), *self._blocks(standing), how])

    def _known(self, standing: Standing) -> list[str]:
        """Return what the field offers: models, and each other connection as the beginning of one."""
        listed = self._listed if self._listed_for == _id_of(standing) else []
        begun = [f"{fact.connection}/" for fact in standing.keys if not is_first(fact)]
        return list(dict.fromkeys([*self.session.control.known_models(), *begun, *listed]))

    def _set(self, model: str | None) -> None:
        now = self.ask(self.session.control.set_model, None, model)
        self.refresh()
        self.news.say("good", [f"Calls use {now}." if now else "Calls use the provider's default."])
        self.changed()

    def _blocks(self, standing: Standing) -> list[Block]:
        model = standing.model or "none: the workspace has no key yet"
        blocks: list[Block] = [Paragraph(["Calls use ", Code(model), "."])]
        stored = [fact for fact in standing.keys if fact.state != "missing"]
        if standing.model is None and stored:
            begun = Code(f"{stored[0].connection}/MODEL")
            blocks = [Paragraph(["No model is chosen: choose one here, such as ", begun, "."])]
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


def _id_of(standing: Standing) -> str:
    return standing.workspace.id if standing.workspace else ""
