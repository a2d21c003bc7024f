"""Panel base class: two forms, a line of news, and errors as sentences."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingTypeStubs=false
# ipywidgets ships no types.

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar

import ipywidgets as widgets

from assay_nb.engine.session import Session
from assay_nb.errors import AssayError, WorkspaceNotFound
from assay_nb.render.bundle import draw
from assay_nb.render.document import Block, Callout, Document, Inline, Tone, sentence

T = TypeVar("T")

WIDE = {"description_width": "8em"}


class Panel:
    """A widget with a static form beside it.

    The static form is what a notebook keeps, and all that a viewer without widgets shows: nbconvert,
    a code host, a terminal.
    """

    title = ""

    def document(self) -> Document:
        """Return the static form."""
        raise NotImplementedError

    def build(self) -> Any:
        """Return the widget. Called once."""
        raise NotImplementedError

    @cached_property
    def widget(self) -> Any:
        """The widget, made when it is first asked for."""
        return self.build()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return {**self.widget._repr_mimebundle_(), **draw(self.document())}


class LivePanel(Panel):
    """A panel on a session's control.

    Attributes:
        session: What the panel works with.
        changed: Called after an act that other panels may show.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.changed: Callable[[], None] = lambda: None
        self.news = News()

    def refresh(self) -> None:
        """Show what is true now."""

    def ask(self, function: Callable[..., Awaitable[T]], *args: Any, **named: Any) -> T:
        """Ask the control, and wait for its answer. An interrupt of the kernel stops it."""

        async def run() -> T:
            return await function(*args, **named)

        return self.session.portal.call(run)

    def look(self, function: Callable[[None], Awaitable[T]]) -> T | None:
        """Ask about the active workspace, to show it; None if that one is gone."""
        try:
            return self.ask(function, None)
        except WorkspaceNotFound:
            return None

    def act(self, what: Callable[[], None]) -> None:
        """Do something for a click: an error becomes a sentence, since a click has no cell to fail."""
        try:
            what()
        except AssayError as error:
            self.news.fail(error)
        except KeyboardInterrupt:
            self.news.say("warning", ["Stopped."])


class News:
    """The line under a panel that says what came of the last act; screen readers read it out."""

    def __init__(self) -> None:
        self.widget = widgets.HTML()
        self.widget.add_class("assay-news")

    def say(self, tone: Tone, content: Sequence[Inline]) -> None:
        """Show one sentence."""
        self.widget.value = show([Callout(tone, content)])

    def fail(self, error: AssayError) -> None:
        """Show an error with its next step."""
        hint = f" {error.hint}" if error.hint else ""
        self.say("bad", sentence(f"{error.message}{hint}"))

    def clear(self) -> None:
        self.widget.value = ""


def show(blocks: Sequence[Block]) -> str:
    """Return blocks as the HTML of a widget, by the one renderer that escapes."""
    return draw(Document(blocks))["text/html"]


def shown(blocks: Sequence[Block]) -> Any:
    """Return a widget that shows blocks."""
    return widgets.HTML(value=show(blocks))


def button(
    text: str, act: Callable[[], None], *, tip: str = "", style: str = "", icon: str = ""
) -> Any:
    """Return a button. Its words say what it does, so that no icon or colour has to."""
    made = widgets.Button(
        description=text,
        tooltip=tip or text,
        button_style=style,
        icon=icon,
        layout={"width": "auto"},
    )

    def on_click(_: Any) -> None:
        act()

    made.on_click(on_click)
    return made
