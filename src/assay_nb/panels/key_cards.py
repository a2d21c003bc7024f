"""Cards of the keys panel: what is known of a connection's key, a field for another one, and what can be done."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportMissingTypeStubs=false
# ipywidgets ships no types.

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from assay_nb.commands.keys import KEY_STATES, tone_of
from assay_nb.engine.connect_form import describe_service, replace_key, save_key
from assay_nb.engine.control import KeyCheck, KeyFacts
from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage
from assay_nb.messages import ProviderId
from assay_nb.panels.base import WIDE, LivePanel, News, button, show
from assay_nb.panels.key_field import KeyField
from assay_nb.render.document import Badge, Block, Code, Heading, Inline, Paragraph, Tone
from assay_nb.text.english import a, count

ORDER: tuple[ProviderId, ...] = ("google", "anthropic", "openai")
"""The fastest start stands first."""

NOWHERE = "No workspace is chosen, so there is no key to show."


class StoredCard(LivePanel):
    """A connection's card: what is known of its key, and testing and removing it.

    Attributes:
        connection: The connection's name.
        field: Takes a key; None on a hub.
        last_words: Where it is told what came of an act that takes this card away.
    """

    def __init__(self, session: Session, connection: str, field_name: str) -> None:
        super().__init__(session)
        self.connection = connection
        self.facts = widgets.HTML()
        self.field = KeyField(field_name) if session.mode == "solo" else None
        self.last_words = self.news

    def refresh(self) -> None:
        self.show(self.look(self.session.control.keys))

    def show(self, facts: Sequence[KeyFacts] | None) -> None:
        """Show what is known of this card's connection, among the others of its workspace."""
        raise NotImplementedError

    def test(self) -> None:
        """Ask the connection's server whether the stored key works."""
        self.news.say("info", ["Testing …"])
        self._tell("", self.ask(self.session.control.test_key, None, self.connection))

    def remove(self) -> None:
        """Forget the stored key."""
        removal = self.ask(self.session.control.remove_key, None, self.connection)
        text: list[Inline] = ["Removed. No key was stored for it."]
        if removal.revoke_url:
            ends = "Removed. Only revoking it at the provider ends it: "
            text = [ends, Code(removal.revoke_url)]
        self._done("info", text, self.last_words)

    def _acts(self) -> list[Any]:
        """Return the buttons, beside the field that they belong to."""
        assert self.field is not None
        self.field.observe(self._on_typed, names="value")
        return [
            button("Save", lambda: self.act(self.save), tip="Test the key, then store it sealed"),
            button("Test", lambda: self.act(self.test), tip="Ask the server for its models: free"),
            button("Remove", lambda: self.act(self.remove), tip="Forget the stored key"),
        ]

    def save(self) -> None:
        """Test what was typed with the server, and store it sealed."""
        raise NotImplementedError

    def _tell(self, done: str, check: KeyCheck) -> None:
        said = "The provider accepts it." if check.outcome == "accepted" else check.detail
        self._done(tone_of(check), [f"{done}{said or 'It was not tested.'}"])

    def _done(self, tone: Tone, text: Sequence[Inline], where: News | None = None) -> None:
        (where or self.news).say(tone, text)
        self.refresh()
        self.changed()

    def _on_typed(self, change: dict[str, Any]) -> None:
        if self.field is not None and self.field.holds:
            self.news.say("info", [say_typed(self.field, "Save")])


class KeyCard(StoredCard):
    """One provider: its key's state, how to get one, and a field for it."""

    def __init__(self, session: Session, provider: ProviderId) -> None:
        self.about = session.control.setup(provider)
        super().__init__(session, provider, f"{self.about.name} key")
        self.provider: ProviderId = provider

    def build(self) -> Any:
        self.refresh()
        parts: list[Any] = [self.facts, self._guide()]
        if self.field is not None:
            row = [self.field, *self._acts()]
            parts.append(widgets.HBox(row, layout={"flex_flow": "row wrap"}))
        return widgets.VBox([*parts, self.news.widget], layout={"margin": "0 0 1.2em 0"})

    def show(self, facts: Sequence[KeyFacts] | None) -> None:
        fact = next((one for one in facts or () if one.connection == self.connection), None)
        line = describe(fact) if fact else [NOWHERE]
        self.facts.value = show([Heading(self.about.name, 2), Paragraph(line)])

    def save(self) -> None:
        if self.field is None or not self.field.holds:
            raise WrongUsage("There is no key in the field.", hint="Paste a key, then choose Save.")
        control = self.session.control
        self.news.say("info", ["Testing, then saving …"])
        with self.field.taken() as key:
            check = self.ask(save_key, control, None, self.provider, key, endpoint=None, check=True)
        self._tell("Stored, sealed. ", check)

    def _guide(self) -> Any:
        about, has_field = self.about, self.field is not None
        steps = widgets.HTML(show(guide(about.key_url, about.looks_like, self._costs(), has_field)))
        folded = widgets.Accordion([steps], titles=(f"Get {a(self.about.name)} key",))
        folded.selected_index = None
        return folded

    def _costs(self) -> str:
        fastest = "The fastest start. " if self.provider == ORDER[0] else ""
        return f"{fastest}{self.about.cost} {self.about.note}".rstrip()


class ConnectionCard(StoredCard):
    """A connection that somebody has named: where it leads, its key's state, and changing it."""

    def __init__(self, session: Session, fact: KeyFacts) -> None:
        super().__init__(session, fact.connection, "Key")
        self.show([fact])
        self.address = widgets.Text(
            description="Address", placeholder="as it is", style=WIDE, layout={"width": "30em"}
        )
        self.first = first_box()
        self.name = widgets.Text(description="New name", placeholder=fact.connection, style=WIDE)

    def build(self) -> Any:
        parts: list[Any] = [self.facts]
        if self.field is not None:
            save, *acts = self._acts()
            rename = button("Rename", lambda: self.act(self.rename), tip="Its key stays as it is")
            change = widgets.VBox(
                [self.field, self.address, self.first, save, widgets.HBox([self.name, rename])]
            )
            folded = widgets.Accordion([change], titles=("Change its key, address or name",))
            folded.selected_index = None
            parts += [widgets.HBox(acts), folded]
        return widgets.VBox([*parts, self.news.widget], layout={"margin": "0 0 1.2em 0"})

    def show(self, facts: Sequence[KeyFacts] | None) -> None:
        fact = next((one for one in facts or () if one.connection == self.connection), None)
        if fact is not None:  # a card whose connection is gone is taken away by its panel
            line = Paragraph(describe(fact, with_address=False))
            self.facts.value = show([Heading(self.connection, 2), line, Paragraph(leads(fact))])

    def save(self) -> None:
        address = self.address.value.strip() or None
        if self.field is None or not (self.field.holds or address):
            hint = "Paste a key or enter an address, then choose Save."
            raise WrongUsage("There is no key in the field.", hint=hint)
        self.news.say("info", ["Testing, then saving …"])
        with self.field.taken() as key:
            check = self.ask(
                replace_key,
                self.session.control,
                None,
                self.connection,
                key,
                endpoint=address,
                check=self.first.value,
            )
        self.address.value = ""
        self._tell("Stored, sealed. ", check)

    def rename(self) -> None:
        """Give the connection another name; its key stays as it is."""
        new_name = self.name.value.strip()
        self.ask(self.session.control.rename_connection, None, self.connection, new_name)
        self._done("good", [f"'{self.connection}' is now '{new_name}'."], self.last_words)


def describe(fact: KeyFacts, *, with_address: bool = True) -> list[Inline]:
    """Return what may be known of a key, as one line."""
    line: list[Inline] = [key_badge(fact)]
    if fact.last4:
        line.append(f" ends in {fact.last4}")
    if fact.state != "missing":
        if not fact.keyless:
            line.append(f" · {'tested' if fact.verified else 'not tested'}")
        line.append(f" · added by {', '.join(filter(None, (fact.added_by, fact.added_at)))}")
    if fact.endpoint and with_address:
        line += [" · ", Code(fact.endpoint)]
    return line


def leads(fact: KeyFacts) -> list[Inline]:
    """Return where a named connection leads, what it speaks there, and how its models are named."""
    service = describe_service(fact)
    whose = f"{service.label} · " if service.label else ""
    line: list[Inline] = [f"{whose}{service.speaks} at ", Code(fact.endpoint)]
    return [*line, ". Its models are named ", Code(f"{fact.connection}/MODEL"), "."]


def guide(key_url: str, looks_like: str, costs: str, has_field: bool) -> list[Block]:
    """Return how to get a key."""
    place = (
        "Paste it into the field below and press Save."
        if has_field
        else "Store it as the line at the top says."
    )
    return [
        Paragraph(["1. Open ", Code(key_url), " and make a key there."]),
        Paragraph([f"2. It looks like {looks_like}. {costs}"]),
        Paragraph([f"3. {place} It is tested first, for free."]),
    ]


def key_badge(fact: KeyFacts) -> Badge:
    """Return the state of a key as the word that the terminal has for it."""
    return Badge(*KEY_STATES["keyless" if fact.keyless else fact.state])


def say_typed(field: KeyField, act: str) -> str:
    """Return what is said of a key that has left its field, until a button stores it."""
    return f"{count(field.holds, 'character')} taken from the field. {act} stores the key."


def first_box() -> Any:
    """Return the box that says whether a key is tested before it is stored."""
    return widgets.Checkbox(value=True, description="Test first", indent=True, style=WIDE)
