"""The provider keys of the active workspace: one card each.

A key that is typed here travels from the browser to the kernel, as everything in a widget does, and
no further: it is taken out of the field at once, is never echoed back, and the field's state that a
notebook may save is empty. On a hub there is no field, since there a key never reaches a kernel.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportMissingTypeStubs=false, reportUntypedBaseClass=false
# ipywidgets and traitlets ship no types that say what a widget is.

from __future__ import annotations

import logging
from contextlib import suppress
from html import escape
from typing import Any

import ipywidgets as widgets
from traitlets import Unicode
from traitlets.log import get_logger

from assay_nb.commands.keys import KEY_STATES, tested_word, tone_of
from assay_nb.engine.control import KeyCheck, KeyFacts
from assay_nb.engine.remote.key_page import find_key_page
from assay_nb.engine.session import Session
from assay_nb.errors import PermissionDenied, WrongUsage
from assay_nb.messages import ProviderId
from assay_nb.panels.base import LivePanel, News, button, show
from assay_nb.render.document import (
    Badge,
    Block,
    Code,
    Document,
    FinePrint,
    Heading,
    Inline,
    Paragraph,
    Table,
)
from assay_nb.text.english import a, count

ORDER: tuple[ProviderId, ...] = ("google", "anthropic", "openai")
"""The fastest start stands first."""

_NOWHERE = "No workspace is chosen, so there is no key to show."


class _Unlogged(logging.Filter):
    """Keeps the messages of key fields out of the log of a kernel that logs every message, at DEBUG."""

    def __init__(self) -> None:
        super().__init__()
        self._ids: set[str] = set()

    def cover(self, comm_id: str) -> None:
        """Leave this widget's messages out from now on."""
        self._ids.add(comm_id)
        kernels: Any = get_logger()
        for logger in (getattr(kernels, "logger", kernels), logging.getLogger("Comm")):
            logger.addFilter(self)  # a filter that is there already is not added twice

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if any(comm_id in text for comm_id in self._ids):
            record.msg, record.args = "a message of a key field, which is not logged", ()
        return True


_unlogged = _Unlogged()


class KeyField(widgets.Password):
    """A password field whose value never stays in a widget's state.

    The kernel does not echo it back to other front ends, and `continuous_update` is off, so the value
    arrives once, when the person leaves the field, and is gone in the same message's handling. A kernel
    that logs its messages logs none of this field's.
    """

    value = Unicode("", help="what is typed").tag(sync=True, echo_update=False)

    def __init__(self, description: str) -> None:
        super().__init__(
            description=description,
            continuous_update=False,
            placeholder="paste it here",
            style={"description_width": "8em"},
        )
        self._typed = bytearray()
        _unlogged.cover(self.model_id)
        self.observe(self._take, names="value")

    @property
    def holds(self) -> int:
        """How many characters wait to be saved."""
        return len(self._typed)

    def take(self) -> bytearray:
        """Return what was typed, and forget it. The caller overwrites it."""
        typed, self._typed = self._typed, bytearray()
        return typed

    def forget(self) -> None:
        """Overwrite what was typed."""
        typed = self.take()
        typed[:] = bytes(len(typed))

    def _take(self, change: dict[str, Any]) -> None:
        if change["new"]:
            self.forget()
            self._typed = bytearray(change["new"].encode())
            self.value = ""


class KeyCard(LivePanel):
    """One provider: its key's state, how to get one, and a field for it."""

    def __init__(self, session: Session, provider: ProviderId) -> None:
        super().__init__(session)
        self.provider: ProviderId = provider
        self.about = session.control.setup(provider)
        self.facts = widgets.HTML()
        self.news = News()
        self.field = KeyField(f"{self.about.name} key") if session.mode == "solo" else None

    def build(self) -> Any:
        self.refresh()
        parts: list[Any] = [self.facts, self._guide()]
        if self.field is not None:
            self.field.observe(self._on_typed, names="value")
            acts = [
                button(
                    "Save", lambda: self.act(self.save), tip="Test the key, then store it sealed"
                ),
                button(
                    "Test",
                    lambda: self.act(self.test),
                    tip="Ask the provider whether it works: free",
                ),
                button("Remove", lambda: self.act(self.remove), tip="Forget the stored key"),
            ]
            parts.append(widgets.HBox([self.field, *acts], layout={"flex_flow": "row wrap"}))
        return widgets.VBox([*parts, self.news.widget], layout={"margin": "0 0 1.2em 0"})

    def refresh(self) -> None:
        found = self.look(self.session.control.keys) or []
        fact = next((fact for fact in found if fact.provider == self.provider), None)
        line = describe(fact) if fact else [_NOWHERE]
        self.facts.value = show([Heading(self.about.name, 2), Paragraph(line)])

    def save(self) -> None:
        """Test what was typed with the provider, and store it sealed."""
        if self.field is None or not self.field.holds:
            raise WrongUsage("There is no key in the field.", hint="Paste a key, then choose Save.")
        key = self.field.take()
        self.news.say("info", ["Testing, then saving …"])
        try:
            check = self.ask(
                self.session.control.set_key, None, self.provider, key, endpoint=None, check=True
            )
        finally:
            key[:] = bytes(len(key))
        self._tell("Stored, sealed. ", check)

    def test(self) -> None:
        """Ask the provider whether the stored key works."""
        self.news.say("info", ["Testing …"])
        self._tell("", self.ask(self.session.control.test_key, None, self.provider))

    def remove(self) -> None:
        """Forget the stored key."""
        removal = self.ask(self.session.control.remove_key, None, self.provider)
        text: list[Inline] = ["Removed. No key was stored for it."]
        if removal.revoke_url:
            ends = "Removed. Only revoking it at the provider ends it: "
            text = [ends, Code(removal.revoke_url)]
        self.news.say("info", text)
        self.refresh()
        self.changed()

    def _tell(self, done: str, check: KeyCheck) -> None:
        said = "The provider accepts it." if check.outcome == "accepted" else check.detail
        self.news.say(tone_of(check), [f"{done}{said or 'It was not tested.'}"])
        self.refresh()
        self.changed()

    def _on_typed(self, change: dict[str, Any]) -> None:
        if self.field is not None and self.field.holds:
            taken = count(self.field.holds, "character")
            self.news.say("info", [f"{taken} taken from the field. Save stores the key."])

    def _guide(self) -> Any:
        about, has_field = self.about, self.field is not None
        steps = widgets.HTML(show(guide(about.key_url, about.looks_like, self._costs(), has_field)))
        folded = widgets.Accordion([steps], titles=(f"Get {a(self.about.name)} key",))
        folded.selected_index = None
        return folded

    def _costs(self) -> str:
        fastest = "The fastest start. " if self.provider == ORDER[0] else ""
        return f"{fastest}{self.about.cost} {self.about.note}".rstrip()


class KeysPanel(LivePanel):
    """A card per provider."""

    title = "Keys"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.cards = [KeyCard(session, provider) for provider in _offered(session)]

    def build(self) -> Any:
        for card in self.cards:
            card.changed = lambda: self.changed()
        parts = [card.widget for card in self.cards]
        if self.session.mode == "hub":
            parts.insert(0, _open_page(find_key_page(self.session.config) or ""))
        return widgets.VBox(parts)

    def refresh(self) -> None:
        for card in self.cards:
            card.refresh()

    def document(self) -> Document:
        found = self.look(self.session.control.keys)
        if found is None:
            return Document([Heading("Keys"), Paragraph([_NOWHERE])])
        facts = {fact.provider: fact for fact in found}
        rows = [
            [Code(provider), *_cells(facts[provider])] for provider in ORDER if provider in facts
        ]
        table = Table(["provider", "key", "ends in", "tested", "added by"], rows)
        if self.session.mode == "hub":
            return Document([Heading("Keys"), table, *self._hub()])
        how = Paragraph(["Add one: ", Code("%assay keys set PROVIDER"), ", with a hidden prompt."])
        return Document([Heading("Keys"), table, how, *_ways(self.session)])

    def _hub(self) -> list[Block]:
        page = find_key_page(self.session.config) or ""
        text = "On a hub a key never goes through a kernel. Owners and admins add it at "
        return [Paragraph([text, Code(page), "."])]


def _offered(session: Session) -> list[ProviderId]:
    """Return the providers that are used here. A hub may leave some out."""
    offered: list[ProviderId] = []
    for provider in ORDER:
        with suppress(PermissionDenied):
            session.control.setup(provider)
            offered.append(provider)
    return offered


def _open_page(page: str) -> Any:
    """Return what opens the gateway's page. A widget's button would need the kernel for it; a link does not."""
    about = show(
        [Paragraph(["On a hub a key never goes through a kernel: it has a page of its own."])]
    )
    if not page.startswith(("https://", "http://", "/")):
        return widgets.HTML(about)
    link = (
        '<a class="jupyter-button widget-button" style="width: auto; text-decoration: none"'
        f' href="{escape(page)}" target="_blank" rel="noopener noreferrer">Open the key page</a>'
    )
    return widgets.HTML(about + link)


def describe(fact: KeyFacts) -> list[Inline]:
    """Return what may be known of a key, as one line."""
    line: list[Inline] = [_badge(fact)]
    if fact.last4:
        line.append(f" ends in {fact.last4}")
    if fact.state != "missing":
        if not fact.keyless:
            line.append(f" · {'tested' if fact.verified else 'not tested'}")
        line.append(f" · added by {', '.join(filter(None, (fact.added_by, fact.added_at)))}")
    if fact.endpoint:
        line += [" · ", Code(fact.endpoint)]
    return line


def guide(key_url: str, looks_like: str, costs: str, has_field: bool) -> list[Block]:
    """Return how to get a key."""
    place = (
        "Paste it into the field below and press Save."
        if has_field
        else "An owner or admin stores it on the key page."
    )
    return [
        Paragraph(["1. Open ", Code(key_url), " and make a key there."]),
        Paragraph([f"2. It looks like {looks_like}. {costs}"]),
        Paragraph([f"3. {place} It is tested first, for free."]),
    ]


def _cells(fact: KeyFacts) -> list[Inline]:
    ends = f"…{fact.last4}" if fact.last4 else ""
    return [_badge(fact), ends, tested_word(fact), fact.added_by]


def _badge(fact: KeyFacts) -> Badge:
    return Badge(*KEY_STATES["keyless" if fact.keyless else fact.state])


def _ways(session: Session) -> list[Block]:
    about = session.control.setup(ORDER[0])
    text = f"The fastest start is {about.name}. {about.cost} Get a key at "
    return [FinePrint([text, Code(about.key_url)])]
