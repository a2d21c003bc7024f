"""Form for a new connection: a preset, a name, where it leads, its key."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportMissingTypeStubs=false
# ipywidgets ships no types.

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from assay_nb.commands.keys import tone_of
from assay_nb.connections.presets import PRESETS, Preset
from assay_nb.engine.connect_form import connect
from assay_nb.engine.control import KeyCheck
from assay_nb.engine.session import Session
from assay_nb.panels.base import WIDE, LivePanel, News, button, show
from assay_nb.panels.key_cards import first_box, say_typed
from assay_nb.panels.key_field import KeyField
from assay_nb.render.document import Block, Code, Inline, Paragraph, sentence

BEGINNING = "ollama"
"""The preset that the form begins with: it asks for the least, neither a key nor an address."""

_SHOWN = {"layout": {"width": "30em"}, "style": WIDE}
_HOLES = tuple(dict.fromkeys(hole for preset in PRESETS.values() for hole in preset.holes))


class ConnectFold(LivePanel):
    """Fold that holds the form, which is made once somebody opens it: a field that is not there holds no key."""

    title = "Connect another server"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.form: ConnectForm | None = None
        self._body = widgets.VBox()
        self._fold = widgets.Accordion([self._body], titles=(self.title,))
        self._fold.selected_index = None

    def build(self) -> Any:
        self._fold.observe(self._on_fold, names="selected_index")
        return widgets.VBox([self._fold, self.news.widget])

    def unfold(self) -> ConnectForm:
        """Show the form, and return it."""
        if self.form is None:
            self.form = ConnectForm(self.session, self.news)
            self.form.changed = self._on_made
            self._body.children = [self.form.widget]
        self._fold.selected_index = 0
        return self.form

    def _on_fold(self, change: dict[str, Any]) -> None:
        if change["new"] == 0:
            self.unfold()

    def _on_made(self) -> None:
        self._fold.selected_index = None
        self.changed()


class ConnectForm(LivePanel):
    """Make a connection from a preset: its key is tested first, and then sealed."""

    def __init__(self, session: Session, news: News) -> None:
        super().__init__(session)
        self.news = news
        options = [(one.label, name) for name, one in PRESETS.items()]
        self.preset = widgets.Dropdown(
            description="Server", options=options, value=BEGINNING, **_SHOWN
        )
        self.name = widgets.Text(description="Name", **_SHOWN)
        self.parts = {hole: widgets.Text(description=f"Your {hole}", **_SHOWN) for hole in _HOLES}
        self.address = widgets.Text(description="Address", **_SHOWN)
        self.field = KeyField("Key")
        self.first = first_box()
        self.about = widgets.HTML()

    def build(self) -> Any:
        self.preset.observe(self._on_choice, names="value")
        self.field.observe(self._on_typed, names="value")
        self._show_preset()
        make = button(
            "Connect",
            lambda: self.act(self.connect),
            tip="Store it under its name",
            style="primary",
        )
        fields = [self.name, *self.parts.values(), self.address, self.field, self.first]
        return widgets.VBox([self.preset, self.about, *fields, make])

    @property
    def chosen(self) -> Preset:
        """The preset that is chosen."""
        return PRESETS[str(self.preset.value)]

    def connect(self) -> None:
        """Test what was filled in with the server, and store it sealed."""
        name, preset = self.name.value.strip(), self.chosen
        self.news.say("info", ["Connecting …"])
        parts = {hole: self.parts[hole].value.strip() for hole in preset.holes}
        with self.field.taken() as key:
            check = self.ask(
                connect,
                self.session.control,
                None,
                name,
                key,
                preset=preset.name,
                parts=parts,
                endpoint=self.address.value.strip() or None,
                check=self.first.value,
            )
        self.name.value = ""
        self._show_preset()
        self.news.say(tone_of(check), _made(name, check))
        self.changed()

    def _show_preset(self) -> None:
        """Show the fields of the chosen preset. What was typed for another one is forgotten, but not a name."""
        preset = self.chosen
        if self.name.value in {"", *PRESETS}:
            self.name.value = preset.name
        self.field.forget()
        for hole, part in self.parts.items():
            part.value = ""
            part.layout.display = None if hole in preset.holes else "none"
        self.address.value = ""
        self.address.placeholder = preset.endpoint or "http://… or https://…"
        self.field.layout.display = "none" if preset.key == "none" else None
        self.about.value = show(_about(preset))
        self.news.clear()

    def _on_choice(self, change: dict[str, Any]) -> None:
        self._show_preset()

    def _on_typed(self, change: dict[str, Any]) -> None:
        if self.field.holds:
            self.news.say("info", [say_typed(self.field, "Connect")])


def _about(preset: Preset) -> list[Block]:
    """Return what to know of a preset before one connects it."""
    blocks: list[Block] = [Paragraph(sentence(preset.to_begin))]
    if preset.keys_url:
        looks = f". They look like {preset.looks_like}." if preset.looks_like else "."
        blocks.append(Paragraph(["Its keys are made at ", Code(preset.keys_url), looks]))
    elif preset.key == "optional":
        blocks.append(Paragraph(["Leave the key out if the server needs none."]))
    if preset.caution:
        blocks.append(Paragraph(sentence(preset.caution)))
    return blocks


def _made(name: str, check: KeyCheck) -> list[Inline]:
    """Return what came of it, and how its models are named."""
    said = "The provider accepts its key." if check.outcome == "accepted" else check.detail
    model = check.names[0] if check.names else "MODEL"
    return [f"'{name}' is connected. {said} A model of it: ", Code(f"{name}/{model}"), "."]
