"""Settings panel that `%assay panel` opens."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingTypeStubs=false
# ipywidgets ships no types.

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets

from assay_nb.commands.outcome import Outcome
from assay_nb.engine.session import Session
from assay_nb.panels.base import LivePanel, Panel
from assay_nb.panels.keys import KeysPanel
from assay_nb.panels.model import ModelPanel
from assay_nb.panels.workspace import WorkspacePanel
from assay_nb.render.document import Document


class SettingsPanel(Panel):
    """Workspace, keys and model as tabs; an act in one is seen in the others."""

    title = "assay_nb"

    def __init__(self, session: Session) -> None:
        self.parts: list[LivePanel] = [
            WorkspacePanel(session),
            KeysPanel(session),
            ModelPanel(session),
        ]

    def build(self) -> Any:
        tabs = widgets.Tab([part.widget for part in self.parts])
        for index, part in enumerate(self.parts):
            tabs.set_title(index, part.title)
            part.changed = lambda index=index: self._refresh_others(index)
        return tabs

    def document(self) -> Document:
        return Document([block for part in self.parts for block in part.document().blocks])

    def _refresh_others(self, index: int) -> None:
        for other, part in enumerate(self.parts):
            if other != index:
                part.refresh()


@dataclass(frozen=True, slots=True)
class OpenedPanel(Outcome):
    """A panel as a command's outcome: widgets where there are some, its static form everywhere."""

    panel: Panel | None = None

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        assert self.panel is not None
        return self.panel._repr_mimebundle_()  # pyright: ignore[reportPrivateUsage]  # IPython's protocol


def opened(panel: Panel) -> OpenedPanel:
    """Return a panel as the outcome of `%assay panel`."""
    return OpenedPanel(panel.document(), {"panel": panel.title}, panel=panel)
