"""Handlers for keys and connections: listing, making, testing, renaming and removing them.

A key goes in through the body of one request, is overwritten once it is sealed, and never comes out.
"""

# pyright: reportUntypedFunctionDecorator=false
# jupyter_server's and tornado's types are partial.

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, cast

from assay_nb.commands.keys import KEY_STATES
from assay_nb.commands.keyways import tell_step
from assay_nb.connections.keyway import Keyway, act_of_entering
from assay_nb.connections.presets import PRESETS
from assay_nb.engine.connect_form import connect, describe_service, replace_key, save_key
from assay_nb.engine.control import KeyFacts
from assay_nb.errors import KeyAct, PermissionDenied, WrongUsage
from assay_nb.labserver.base import Handler, guarded
from assay_nb.messages import PROVIDERS


def tell_key(fact: KeyFacts) -> dict[str, Any]:
    """Return what may be known of a key, with the words that the terminal and the panel have for it too."""
    word, tone = KEY_STATES["keyless" if fact.keyless else fact.state]
    service = asdict(describe_service(fact))
    return {**fact.to_dict(), "keyless": fact.keyless, "word": word, "tone": tone, **service}


def tell_keyway(way: Keyway) -> dict[str, Any]:
    """Return how a key gets into the active workspace, in the words that stand beside a link to its page.

    `last` is the last step of getting a key, `demo` what can be done without one meanwhile.
    """
    last = "Paste it below and save: it is tested first, for free, and then sealed."
    if way.mode == "hub":
        last = way.say_here("add") or "Enter it on the key page: it is tested first, for free."
    return {
        "page": way.address() or None,
        "text": way.say_beside_link() if way.mode == "hub" else "",
        "last": last,
        "demo": way.say_demo(),
    }


class KeysHandler(Handler):
    """What may be known of the workspace's keys."""

    @guarded
    async def get(self, workspace: str) -> None:
        facts = await self.ask(self.control.keys, workspace)
        self.answer([tell_key(fact) for fact in facts])


class PresetsHandler(Handler):
    """The presets of connections, as the gateway lists them."""

    @guarded
    async def get(self) -> None:
        self.answer([{**asdict(one), "parts": one.holes} for one in PRESETS.values()])


class _SoloHandler(Handler):
    """On a hub, keys are entered on the gateway's own page, which shows no model output."""

    async def _check_solo(self, workspace: str, act: KeyAct, connection: str) -> None:
        if self.session.mode == "hub":
            hint = await self.ask(tell_step, self.session, workspace, act, connection)
            raise PermissionDenied("On a hub, keys are not changed here.", hint=hint)


class KeyTestHandler(_SoloHandler):
    """Ask a connection's server whether its key works: the free listing call."""

    @guarded
    async def post(self, workspace: str, connection: str) -> None:
        await self._check_solo(workspace, "test", connection)
        self.read()
        check = await self.ask(self.control.test_key, workspace, connection)
        self.answer(check.to_dict())


class _Removable(_SoloHandler):
    """A connection that can be removed, with its key."""

    @guarded
    async def delete(self, workspace: str, connection: str) -> None:
        await self._check_solo(workspace, "remove", connection)
        removal = await self.ask(self.control.remove_key, workspace, connection)
        self.answer(removal.to_dict())


class KeyHandler(_Removable):
    """The key of one of the three connections that are there from the start."""

    @guarded
    async def put(self, workspace: str, connection: str) -> None:
        await self._check_solo(workspace, act_of_entering(connection), connection)
        fields = self.read(key=str, endpoint=str, check=bool)
        if connection not in PROVIDERS:
            raise WrongUsage(
                f"There is no provider '{connection[:40]}'.",
                hint=f"Use one of {', '.join(PROVIDERS)}.",
            )
        with _taken(fields) as key:  # empty for a server that needs none
            check = await self.ask(
                save_key,
                self.control,
                workspace,
                connection,
                key,
                endpoint=fields["endpoint"] or None,
                check=fields["check"] is not False,
            )
        self.answer(check.to_dict())


class ConnectionHandler(_Removable):
    """A connection by its name: make it from a preset, give it another key, rename it."""

    @guarded
    async def put(self, workspace: str, connection: str) -> None:
        await self._check_solo(workspace, "connect", connection)
        fields = self.read(key=str, preset=str, parts=dict, endpoint=str, check=bool)
        with _taken(fields) as key:
            said = {"endpoint": fields["endpoint"] or None, "check": fields["check"] is not False}
            parts, preset = _read_parts(fields["parts"] or {}), fields["preset"]
            if preset is None:
                check = await self.ask(
                    replace_key, self.control, workspace, connection, key, **said
                )
            else:
                said |= {"preset": preset, "parts": parts}
                check = await self.ask(connect, self.control, workspace, connection, key, **said)
        self.answer(check.to_dict())

    @guarded
    async def patch(self, workspace: str, connection: str) -> None:
        await self._check_solo(workspace, "rename", connection)
        name = self.need(self.read(name=str), "name")
        await self.ask(self.control.rename_connection, workspace, connection, name)
        self.answer({"done": True})


@contextmanager
def _taken(fields: dict[str, Any]) -> Generator[bytearray]:
    """Take the key out of a body's fields, and overwrite it in the end.

    Raises:
        WrongUsage: If the body has none. An empty one means that the server needs none.
    """
    if fields["key"] is None:
        raise WrongUsage("'key' is missing.")
    key = bytearray(fields.pop("key").encode("utf-8", "surrogatepass"))
    try:
        yield key
    finally:
        key[:] = bytes(len(key))


def _read_parts(sent: dict[object, object]) -> dict[str, str]:
    if not all(isinstance(value, str) for value in sent.values()):
        raise WrongUsage("'parts' has a value that is not a text.")
    return cast("dict[str, str]", sent)


KEY_ROUTES: list[tuple[str, type[Handler]]] = [
    ("keys", KeysHandler),
    ("keys/([a-z]+)", KeyHandler),
    ("keys/([a-z]+)/test", KeyTestHandler),
    ("connections/([^/]+)", ConnectionHandler),
    ("connections/([^/]+)/test", KeyTestHandler),
]
"""The routes of a workspace's keys, below its own. `keys/NAME` are those of the first three, by their older name."""
