"""Route handlers: status, workspaces, models, calls, lint and the save guard's scan."""

# pyright: reportUnknownMemberType=false, reportUntypedFunctionDecorator=false
# jupyter_server's and tornado's types are partial.

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, cast

from assay_nb.commands.usage import ask_usage
from assay_nb.engine.control import Control, WorkspaceFacts
from assay_nb.engine.usage_shown import PARTS, tell_usage
from assay_nb.errors import PermissionDenied, WrongUsage
from assay_nb.labserver.base import Handler, guarded
from assay_nb.labserver.keys import KEY_ROUTES, PresetsHandler, tell_key, tell_keyway
from assay_nb.labserver.run import RunHandler
from assay_nb.labserver.scanning import scan_texts
from assay_nb.messages import PROVIDERS


class StatusHandler(Handler):
    """Where one stands, in one answer: what the status bar and the sidebar show."""

    @guarded
    async def get(self) -> None:
        standing = await self.ask(self.control.standing)
        # On a hub both ask the gateway and wait for it, which the server's own loop must not.
        setups = await asyncio.to_thread(_setups, self.control)
        way = None
        if standing.workspace is not None:
            way = tell_keyway(await self.ask(self.control.keyway, standing.workspace.id))
        keys = [tell_key(fact) for fact in standing.keys]
        self.answer({**standing.to_dict(), "keys": keys, "setups": setups, "keyway": way})


class WorkspacesHandler(Handler):
    """The workspaces: list, and make one."""

    @guarded
    async def get(self) -> None:
        facts = await self.ask(self.control.workspaces)
        self.answer([fact.to_dict() for fact in facts])

    @guarded
    async def post(self) -> None:
        name = self.need(self.read(name=str), "name")
        made = await self.ask(self.control.create_workspace, name)
        self.set_status(201)
        self.answer(made.to_dict())


class UseHandler(Handler):
    """Make a workspace the person's default."""

    @guarded
    async def post(self, workspace: str) -> None:
        self.read()
        self.answer((await self.ask(self._use, workspace)).to_dict())

    async def _use(self, workspace: str) -> WorkspaceFacts:
        """Switch the stored default, which kernels follow too, and bind this process to nothing."""
        used = await self.control.use_workspace(workspace)
        self.control.selected = None
        return used


class MembersHandler(Handler):
    """Who is in a workspace."""

    @guarded
    async def get(self, workspace: str) -> None:
        facts = await self.ask(self.control.members, workspace)
        self.answer([fact.to_dict() for fact in facts])


class CallsHandler(Handler):
    """The latest calls: who, when, which instrument and model. Never content."""

    @guarded
    async def get(self, workspace: str) -> None:
        facts = await self.ask(self.control.calls, workspace, 50)
        self.answer([fact.to_dict() for fact in facts])


class UsageHandler(Handler):
    """What calls used and cost this month, with what is left of the limits: words and the lengths of bars.

    An admin of a team is told everybody's; the query's `by` says what it is broken down by.
    """

    @guarded
    async def get(self, workspace: str) -> None:
        by = self.get_query_argument("by", "day")
        if by not in PARTS:
            raise WrongUsage(
                f"Usage is not broken down by {by[:20]!r}.", hint=f"Use one of {', '.join(PARTS)}."
            )
        self.answer(tell_usage(await self.ask(ask_usage, self.control, workspace, by)))


class ModelHandler(Handler):
    """The workspace's model."""

    @guarded
    async def put(self, workspace: str) -> None:
        model = self.read(model=str)["model"]
        self.answer({"model": await self.ask(self.control.set_model, workspace, model)})


class ModelsHandler(Handler):
    """The models that are known, without asking a provider."""

    @guarded
    async def get(self) -> None:
        self.answer(self.control.known_models())


class ListedModelsHandler(Handler):
    """The models that the workspace's servers list, which asks each of them: free, and only when a person says so.

    The answer says too which servers did not list theirs, and why.
    """

    @guarded
    async def post(self, workspace: str) -> None:
        self.read()
        listing = await self.ask(self.control.models, workspace, ask=True)
        models = [f"{fact.provider}/{fact.name}" for fact in listing]
        self.answer({"models": models, "failures": listing.to_dict()["failures"]})


class LintHandler(Handler):
    """The rules on a text: no key, no provider, nothing kept."""

    takes_halves = True

    @guarded
    async def post(self) -> None:
        fields = self.read(text=str, model=str)
        self.answer(await asyncio.to_thread(_lint, fields["text"] or "", fields["model"]))


class ScanHandler(Handler):
    """Which of some texts hold something shaped like a credential, and where: never what."""

    takes_halves = True

    @guarded
    async def post(self) -> None:
        texts = cast("list[object]", self.read(texts=list)["texts"] or [])
        read = [text for text in texts if isinstance(text, str)]
        if len(read) < len(texts):
            raise WrongUsage("'texts' is a list of texts.")
        self.answer(await asyncio.to_thread(scan_texts, read))


def _setups(control: Control) -> list[dict[str, Any]]:
    """Return how each provider is set up. A hub may leave some out."""
    found: list[dict[str, Any]] = []
    for provider in PROVIDERS:
        with suppress(PermissionDenied):
            found.append(control.setup(provider).to_dict())
    return found


def _lint(text: str, model: str | None) -> dict[str, Any]:
    from assay_nb.api import lint
    from assay_nb.text.templates import find_variables

    report = lint(text, model=model).to_dict()
    variables = [{"name": v.name, "start": v.start, "end": v.end} for v in find_variables(text)]
    return {"findings": report["findings"], "variables": variables}


_WORKSPACE = r"workspaces/([^/]+)"

ROUTES: list[tuple[str, type[Handler]]] = [
    ("status", StatusHandler),
    ("models", ModelsHandler),
    ("lint", LintHandler),
    ("scan", ScanHandler),
    (r"instruments/([a-z]+)", RunHandler),
    ("workspaces", WorkspacesHandler),
    (f"{_WORKSPACE}/use", UseHandler),
    (f"{_WORKSPACE}/members", MembersHandler),
    (f"{_WORKSPACE}/calls", CallsHandler),
    (f"{_WORKSPACE}/usage", UsageHandler),
    (f"{_WORKSPACE}/model", ModelHandler),
    (f"{_WORKSPACE}/models", ListedModelsHandler),
    *((f"{_WORKSPACE}/{path}", handler) for path, handler in KEY_ROUTES),
    ("presets", PresetsHandler),
]
