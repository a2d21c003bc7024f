"""Which workspace is active, who is in it, and a new one."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportMissingTypeStubs=false
# ipywidgets ships no types.

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from assay_nb.commands.outcome import join
from assay_nb.engine.control import WorkspaceFacts
from assay_nb.engine.session import Session
from assay_nb.errors import workspace_gone
from assay_nb.panels.base import WIDE, LivePanel, button, show
from assay_nb.render.document import (
    Block,
    Callout,
    Code,
    Document,
    Heading,
    Paragraph,
    Strong,
    Table,
    sentence,
)


class WorkspacePanel(LivePanel):
    """Pick the active workspace, make one, see its members and your role."""

    title = "Workspace"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._filling = False
        self.picker = widgets.Dropdown(description="Workspace", style=WIDE)
        whose = "workspace" if session.mode == "solo" else "team"
        self.name = widgets.Text(
            description="New", placeholder=f"name of a new {whose}", style=WIDE
        )
        self.members = widgets.HTML()

    def build(self) -> Any:
        self.refresh()
        self.picker.observe(self._on_pick, names="value")
        make = button("Create", lambda: self.act(self.create), tip="Make this workspace")
        return widgets.VBox(
            [self.picker, self.members, widgets.HBox([self.name, make]), self.news.widget]
        )

    def refresh(self) -> None:
        facts = self.ask(self.session.control.workspaces)
        self._filling = True
        try:
            self.picker.options = [(self._label(fact), fact.id) for fact in facts]
            self.picker.value = next((fact.id for fact in facts if fact.active), None)
        finally:
            self._filling = False
        self.members.value = show(self._blocks())

    def create(self) -> None:
        """Make a workspace of the name in the field, and work in it."""
        made = self.ask(self.session.control.create_workspace, self.name.value.strip())
        self.name.value = ""
        start = self.ask(self.session.control.keyway, made.id).say_start(program="%assay")
        self._use(made.id, f"Workspace '{made.name}' is made. It has no keys yet. {start}")

    def document(self) -> Document:
        more = ["Another one: ", Code("%assay workspace use NAME"), ". A new one: "]
        make = Code("%assay workspace create NAME")
        return Document([Heading("Workspace"), *self._blocks(), Paragraph([*more, make, "."])])

    def _blocks(self) -> list[Block]:
        facts = self.ask(self.session.control.workspaces)
        fact = next((fact for fact in facts if fact.active), None)
        if fact is None:
            names = join([f"'{fact.name}'" for fact in facts])
            return [Callout("warning", [f"{workspace_gone().message} Yours: {names}."])]
        members = self.ask(self.session.control.members, fact.id)
        alone = fact.kind == "personal" or (self.session.mode == "solo" and len(members) == 1)
        if alone:
            return [Paragraph([Strong(f"'{fact.name}'"), " is yours alone."])]
        return [
            Paragraph([Strong(f"'{fact.name}'"), f" is a team's. Your role in it: {fact.role}."]),
            Table(["member", "role"], [[member.user, member.role] for member in members]),
        ]

    def _label(self, fact: WorkspaceFacts) -> str:
        return fact.name if self.session.mode == "solo" else f"{fact.name} ({fact.role})"

    def _on_pick(self, change: dict[str, Any]) -> None:
        if not self._filling:
            self.act(lambda: self._use(change["new"], ""))

    def _use(self, workspace: str, text: str) -> None:
        fact = self.ask(self.session.control.use_workspace, workspace)
        self.refresh()
        self.news.say("good", sentence(text or f"You now work in '{fact.name}'."))
        self.changed()
