"""The keys of the active workspace: a card for each connection, and on a hub the way to the page that takes keys.

On a hub there is no field, since there a key never reaches a kernel.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportMissingTypeStubs=false
# ipywidgets ships no types.

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from html import escape
from typing import Any

import ipywidgets as widgets

from assay_nb.commands.keys import tested_word
from assay_nb.connections.keyway import Keyway
from assay_nb.engine.connect_form import is_first
from assay_nb.engine.control import KeyFacts
from assay_nb.engine.session import Session
from assay_nb.errors import PermissionDenied
from assay_nb.messages import ProviderId
from assay_nb.panels.base import LivePanel, show
from assay_nb.panels.connect import ConnectFold
from assay_nb.panels.key_cards import (
    NOWHERE,
    ORDER,
    ConnectionCard,
    KeyCard,
    key_badge,
)
from assay_nb.render.document import (
    Block,
    Code,
    Document,
    FinePrint,
    Heading,
    Inline,
    Paragraph,
    Table,
    sentence,
)


class KeysPanel(LivePanel):
    """A card for each connection, and a form for a new one.

    The three that are there from the start come first. Once there are others, those of the three that have no
    key are folded away.
    """

    title = "Keys"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.cards = [KeyCard(session, provider) for provider in _offered(session)]
        self.named: dict[str, ConnectionCard] = {}
        self.adding = ConnectFold(session) if session.mode == "solo" else None
        self._way = widgets.HTML()
        self._shown = widgets.VBox()
        self._unused = widgets.VBox()
        self._fold = widgets.Accordion([self._unused], titles=("More providers",))
        self._fold.selected_index = None

    def build(self) -> Any:
        for card in self.cards:
            card.changed = self._on_change
        parts: list[Any] = [self._shown]
        if self.adding is not None:
            self.adding.changed = self._on_change
            parts.append(self.adding.widget)
        if self.session.mode == "hub":
            parts.insert(0, self._way)
            self._show_way()
        self._lay_out(self.look(self.session.control.keys))
        return widgets.VBox([*parts, self.news.widget])

    def refresh(self) -> None:
        facts = self.look(self.session.control.keys)
        for card in self.cards:
            card.show(facts)
        if self.session.mode == "hub":
            self._show_way()
        self._lay_out(facts)

    def document(self) -> Document:
        found = self.look(self.session.control.keys)
        if found is None:
            return Document([Heading("Keys"), Paragraph([NOWHERE])])
        facts = {fact.connection: fact for fact in found}
        names = [name for name in (*ORDER, *sorted(set(facts) - set(ORDER))) if name in facts]
        rows: list[list[Inline]] = [[Code(name), *_cells(facts[name])] for name in names]
        table = Table(["connection", "key", "ends in", "tested", "added by", "leads to"], rows)
        way = self.ask(self.session.control.keyway, None)
        how = f"{way.say('change', program='%assay')} {way.say_demo()}".rstrip()
        more = _ways(self.session) if self.session.mode == "solo" else []
        return Document([Heading("Keys"), table, Paragraph(sentence(how)), *more])

    def _on_change(self) -> None:
        self.refresh()
        self.changed()

    def _lay_out(self, facts: Sequence[KeyFacts] | None) -> None:
        """Show the cards of what there is now. A card stays the same one, with what is typed in it."""
        named = [fact for fact in facts or () if not is_first(fact)]
        self.named = {fact.connection: self._card_of(fact) for fact in named}
        stored = {fact.connection for fact in facts or () if fact.state != "missing"}
        folded = [card for card in self.cards if named and card.provider not in stored]
        first = [card for card in self.cards if card not in folded]
        self._shown.children = [card.widget for card in (*first, *self.named.values())]
        if folded:
            self._unused.children = [card.widget for card in folded]
            self._shown.children = [*self._shown.children, self._fold]

    def _card_of(self, fact: KeyFacts) -> ConnectionCard:
        card = self.named.get(fact.connection)
        if card is None:
            card = ConnectionCard(self.session, fact)
            card.changed, card.last_words = self._on_change, self.news
        card.show([fact])
        return card

    def _show_way(self) -> None:
        """Show where keys are entered, for the workspace that is active now."""
        way = self.look(self.session.control.keyway)
        self._way.value = "" if way is None else _link_page(way)


def _offered(session: Session) -> list[ProviderId]:
    """Return the providers that are used here. A hub may leave some out."""
    offered: list[ProviderId] = []
    for provider in ORDER:
        with suppress(PermissionDenied):
            session.control.setup(provider)
            offered.append(provider)
    return offered


def _link_page(way: Keyway) -> str:
    """Return what opens the gateway's page. A widget's button would need the kernel for it; a link does not."""
    page = way.address()
    about = show([Paragraph([way.say_beside_link()])])
    if not page.startswith(("https://", "http://", "/")):
        return about
    return about + (
        '<a class="jupyter-button widget-button" style="width: auto; text-decoration: none"'
        f' href="{escape(page)}" target="_blank" rel="noopener noreferrer">Open the key page</a>'
    )


def _cells(fact: KeyFacts) -> list[Inline]:
    ends = f"…{fact.last4}" if fact.last4 else ""
    return [key_badge(fact), ends, tested_word(fact), fact.added_by, fact.endpoint]


def _ways(session: Session) -> list[Block]:
    about = session.control.setup(ORDER[0])
    text = f"The fastest start is {about.name}. {about.cost} Get a key at "
    return [FinePrint([text, Code(about.key_url)])]
