"""Keyway: how a key gets into a workspace here, and who can put it there, as the next step of an error or a page.

This is the one place that says so. In solo mode a command does it. On a hub a page does, in a browser, and
only for owners and admins; everybody else is told whom to ask. Whoever raises an error far from a person, such
as the vault, only says what is to be done (`errors.KeyStep`), and `guide` puts the words to it.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar
from urllib.parse import quote

from assay_nb.connections.presets import PRESETS
from assay_nb.errors import AssayError, KeyAct, KeyStep
from assay_nb.messages import PROVIDERS

E = TypeVar("E", bound=AssayError)

FASTEST = "google"
"""The provider whose key is had soonest, without a card."""

_DO: dict[KeyAct, str] = {
    "add": "enter one",
    "replace": "replace the key",
    "test": "test or replace the key",
    "remove": "remove it",
    "rename": "rename it",
    "connect": "connect it",
    "change": "change keys and connections",
}
"""What somebody does on the key page."""

_TYPED: dict[KeyAct, str] = {
    "add": "Add one: `{keys} set {name}`.",
    "replace": "Replace it: `{keys} set {name}`.",
    "test": "Test it: `{keys} test {name}`; `{keys} set {name}` replaces it.",
    "remove": "Remove it: `{keys} remove {name}`.",
    "rename": "Rename it: `{program} connections rename {name} NEW`.",
    "connect": "Connect it: `{program} connect {name}`.",
    "change": "`{keys} set {name}` changes a key, and `{program} connect` lists what else can be connected.",
}
"""What a person types in solo mode; `name` has the workspace with it."""

_PLAIN: dict[KeyAct, str] = {
    "add": "Enter a key for it.",
    "replace": "Enter the key again.",
    "test": "Test the key, or replace it.",
}
"""What is to be done, where nobody knows yet who reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyway:
    """How a key gets into one workspace, for one person.

    Attributes:
        mode: Whether a command does it, or a page of the hub.
        workspace: The workspace's name; `""` where no particular one is meant.
        manages: Whether the person may change its keys and choose its model.
        managers: Some of those who may, by name.
        more: How many more there are.
        page: The workspace's page on the hub, as a browser reaches it, or its path alone where the gateway
            does not know the hub's public address; `""` in solo mode.
        demo: How many demo calls the person has left. Zero once the workspace has a key, since they are for
            workspaces without one.
    """

    mode: Literal["solo", "hub"]
    workspace: str = ""
    manages: bool = True
    managers: Sequence[str] = ()
    more: int = 0
    page: str = ""
    demo: int = 0

    def say(
        self, act: KeyAct, connection: str = "", *, endpoint: str = "", program: str = "assay-nb"
    ) -> str:
        """Return the next step as a sentence.

        Args:
            act: What is to be done.
            connection: The connection's name, or a preset's to connect; `""` for any.
            endpoint: The server's address, where it has to be said again.
            program: What commands are typed after: `assay-nb` or `%assay`.
        """
        if self.mode == "hub":
            return self._send_to_page(act, connection)
        name = shlex.quote(connection) if connection else "PROVIDER"
        if endpoint:
            name += f" --endpoint {shlex.quote(endpoint)}"
        if self.workspace:
            name += f" -w {shlex.quote(self.workspace)}"
        if act == "add" and not endpoint and connection in PROVIDERS:
            return f"Get one at {PRESETS[connection].keys_url}, then `{program} keys set {name}`."
        return _TYPED[act].format(keys=f"{program} keys", program=program, name=name)

    def say_start(self, provider: str = "", *, program: str = "assay-nb") -> str:
        """Return how to begin in a workspace that has no key, in a few sentences.

        Args:
            provider: Whose key is wanted; `""` for any.
            program: What commands are typed after.
        """
        if self.mode == "hub":
            return " ".join(filter(None, (self.say("add", provider), self.say_demo())))
        without = f"`{program} try` shows everything without a key."
        if provider:
            return f"{self.say('add', provider, program=program)} {without}"
        step = self.say("add", FASTEST, program=program)
        first = f"{PRESETS[FASTEST].label} is the fastest start: {step[:1].lower()}{step[1:]}"
        own = f"`{program} connect` lists other servers, some of which need no key."
        return f"{first} {own} {without}"

    def say_demo(self) -> str:
        """Return what can be done without a key meanwhile; `""` where nothing can."""
        if not self.demo:
            return ""
        calls = "call" if self.demo == 1 else "calls"
        return f"Until then you have {self.demo} demo {calls} for critique, improve and rewrite."

    def say_model(self, model: str = "CONNECTION/MODEL", *, program: str = "assay-nb") -> str:
        """Return how calls get another model than the workspace's, which may answer no more.

        Args:
            model: How the model is written.
            program: What commands are typed after.
        """
        listed = f"`{program} models --ask` lists what there is."
        if self.manages:
            where = f" -w {shlex.quote(self.workspace)}" if self.workspace else ""
            return f"Choose one: `{program} model {model}{where}`; {listed}"
        return f"Name one for the call (`-m {model}`), or {self._ask()} to choose one; {listed}"

    def say_beside_link(self) -> str:
        """Return what is said beside a link to the key page."""
        if self.manages:
            return "Keys and connections are changed on a page of their own."
        return self.say_here("change")

    def say_here(self, act: KeyAct) -> str:
        """Return whom to ask to do something, on the page where it is done; `""` for those who may."""
        return "" if self.manages else f"{_upper(self._ask())} to {_DO[act]}."

    def address(self, act: KeyAct = "change", connection: str = "") -> str:
        """Return the page where something is done, as a browser reaches it; `""` in solo mode."""
        if not self.page:
            return ""
        below = page_of(connection) if connection else ""
        if act == "connect":
            below = f"add/{quote(connection, safe='')}" if connection else "add"
        return f"{self.page}/{below}".rstrip("/")

    def _send_to_page(self, act: KeyAct, connection: str) -> str:
        there = self.address(act, connection)
        there = f"{there} on this hub" if there.startswith("/") else there
        if self.manages:
            return f"Open {there} in a browser and {_DO[act]}."
        if not self.managers:
            return f"{_upper(self._ask())}, who can open {there} and {_DO[act]}."
        return f"{_upper(self._ask())} to open {there} and {_DO[act]}."

    def _ask(self) -> str:
        """Return whom to ask. A team that comes from a hub group may have nobody in charge."""
        if not self.managers:
            return f"ask the hub's operator to name an owner of '{self.workspace}'"
        rest = [f"{self.more} more"] if self.more else []
        *first, last = [*self.managers, *rest]
        return f"ask {', '.join(first)} or {last}" if first else f"ask {last}"


def say_unasked(connection: str, *, hub: bool, program: str) -> str:
    """Return how a new key is added, where nothing may be asked first: neither the vault nor the gateway."""
    if hub:
        return f"Add the new one on the hub's key page: `{program} keys list` says where, or whom to ask."
    return f"Add the new one with `{program} keys set {connection}`."


def act_of_entering(connection: str) -> KeyAct:
    """Return what entering a key is called where nobody has looked whether there is one.

    The three connections that are there from the start may have none; any other one has a key, or needs none.
    """
    return "add" if connection in PROVIDERS else "replace"


def page_of(connection: str) -> str:
    """Return the path of a connection's page on a hub, below its workspace's."""
    folder = "keys" if connection in PROVIDERS else "connections"
    return f"{folder}/{quote(connection, safe='')}"


def wanting(error: E, step: KeyStep) -> E:
    """Return an error with what is to be done to a key, in words that hold for whoever reads it."""
    error.key_step = step
    error.hint = f"{step.lead} {_PLAIN[step.act]}".strip()
    return error


def guide(error: AssayError, way: Keyway) -> None:
    """Put into an error's hint how what it wants is done here, and by whom. Other errors stay as they are."""
    step, error.key_step = error.key_step, None
    if step is not None:
        error.hint = (
            f"{step.lead} {way.say(step.act, step.connection, endpoint=step.endpoint)}".strip()
        )


def _upper(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
