"""The control of a hub kernel: it asks the gateway about keys, members, workspaces, models and budget.

A kernel's token may look and call. Keys and members are managed on the gateway's page in a browser, and
what is the operator's is done on the gateway's machine; both say so here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar
from urllib.parse import urlencode

from assay_nb._version import read_version
from assay_nb.connections.keyway import Keyway, act_of_entering
from assay_nb.engine.control import (
    BudgetFacts,
    CallFacts,
    Diagnosis,
    KeyCheck,
    KeyFacts,
    Listing,
    ListingFailure,
    MasterFacts,
    MemberFacts,
    Mode,
    ModelFacts,
    Removal,
    Setup,
    Standing,
    WorkspaceFacts,
    about_gone_workspace,
)
from assay_nb.engine.remote.client import ACTIVE, GatewayClient, part
from assay_nb.engine.usage import LimitFacts, UsageFacts, UsageLine, UsagePart
from assay_nb.errors import AssayError, PermissionDenied, WorkspaceNotFound, workspace_gone
from assay_nb.messages import Kind, ProviderId
from assay_nb.models.catalog import parse_model

F = TypeVar("F")


class RemoteControl:
    """What one person may do through a gateway; see `Control`."""

    mode: Mode = "hub"

    def __init__(self, client: GatewayClient) -> None:
        self._client = client
        self.selected: str | None = None
        self._setups: dict[str, Setup] = {}
        self._known: list[str] = []

    # --- status

    async def standing(self) -> Standing:
        facts = await self._ask_standing()
        where = facts["workspace"]
        known: dict[str, Any] = {
            **facts,
            "mode": self.mode,
            "vault_place": f"the gateway at {self._client.url}",
            "master_key_place": "the gateway's own",
            "workspace": None if where is None else _read(WorkspaceFacts, where),
            "keys": [_read(KeyFacts, key) for key in facts["keys"]],
            "budget": _read(BudgetFacts, facts["budget"]),
        }
        return _read(Standing, known)

    async def _ask_standing(self) -> Mapping[str, Any]:
        """Return the standing where this kernel works, which is nowhere if that workspace is gone."""
        try:
            return await self._get("standing")
        except WorkspaceNotFound:
            stored = await self._get("standing", ACTIVE)
        return {**stored, "workspace": None, "keys": [], "model": None, "warnings": []}

    # --- workspaces and members

    async def workspaces(self) -> list[WorkspaceFacts]:
        listed = await self._ask("GET", "api/v1/workspaces")
        return [self._read_workspace(one) for one in listed]

    async def use_workspace(self, name: str) -> WorkspaceFacts:
        facts = await self._change(name, {"active": True})
        self.selected = facts.id
        return replace(facts, active=True)

    async def create_workspace(self, name: str) -> WorkspaceFacts:
        created = await self._ask("POST", "api/v1/workspaces", {"name": name})
        return self._read_workspace(created)

    async def show_workspace(self, name: str | None) -> WorkspaceFacts:
        return self._read_workspace(await self._get("", name))

    async def rename_workspace(self, name: str, new_name: str) -> WorkspaceFacts:
        return await self._change(name, {"name": new_name})

    async def delete_workspace(self, name: str) -> None:
        await self._ask("DELETE", self._path(name))

    async def leave_workspace(self, name: str) -> None:
        me = await self._ask("GET", "api/v1/me")
        await self.remove_member(name, me["user"])

    async def members(self, workspace: str | None) -> list[MemberFacts]:
        return await self._list(MemberFacts, self._path(workspace, "members"))

    async def add_member(self, workspace: str | None, user: str, role: str) -> None:
        body = {"user": user, "role": role}
        await self._ask("POST", self._path(workspace, "members"), body)

    async def remove_member(self, workspace: str | None, user: str) -> None:
        await self._ask("DELETE", self._path(workspace, f"members/{part(user)}"))

    async def set_role(self, workspace: str | None, user: str, role: str) -> None:
        await self._ask("PATCH", self._path(workspace, f"members/{part(user)}"), {"role": role})

    # --- keys

    async def keys(self, workspace: str | None) -> list[KeyFacts]:
        return await self._list(KeyFacts, self._path(workspace, "keys"))

    async def keyway(self, workspace: str | None) -> Keyway:
        return _read(Keyway, await self._get("keyway", workspace))

    async def set_key(
        self,
        workspace: str | None,
        connection: str,
        key: bytearray,
        *,
        endpoint: str | None,
        check: bool,
        kind: Kind | None = None,
        placement: str | None = None,
    ) -> KeyCheck:
        way = await self.keyway(workspace)
        raise PermissionDenied(
            "Nothing was stored: on a hub, a key never goes through a kernel.",
            hint=way.say(act_of_entering(connection), connection),
        )

    async def test_key(self, workspace: str | None, connection: str) -> KeyCheck:
        return _read(
            KeyCheck,
            await self._ask("POST", self._path(workspace, f"connections/{part(connection)}/test")),
        )

    async def remove_key(self, workspace: str | None, connection: str) -> Removal:
        return _read(
            Removal,
            await self._ask("DELETE", self._path(workspace, f"connections/{part(connection)}")),
        )

    async def rename_connection(
        self, workspace: str | None, connection: str, new_name: str
    ) -> None:
        path = self._path(workspace, f"connections/{part(connection)}")
        await self._ask("PATCH", path, {"name": new_name})

    async def connection_names(self, workspace: str | None) -> list[str]:
        return [fact.connection for fact in await self.keys(workspace)]

    # --- models, budget, log

    async def model(self, workspace: str | None) -> str | None:
        return (await self.show_workspace(workspace)).model

    async def set_model(self, workspace: str | None, model: str | None) -> str | None:
        return (await self._change(workspace, {"model": model})).model

    async def models(self, workspace: str | None, *, ask: bool) -> Listing:
        if not ask:
            path = self._path(workspace or ACTIVE, "models")
            return Listing(models=await self._list(ModelFacts, path))
        told = await self._get("listing", workspace)
        return Listing(
            models=[_read(ModelFacts, one) for one in told["models"]],
            failures=tuple(_read(ListingFailure, one) for one in told["failures"]),
        )

    async def about_model(self, workspace: str | None, model: str) -> ModelFacts:
        path = f"{self._path(workspace, 'models')}?model={part(model)}"
        found = await self._list(ModelFacts, path)
        if found:
            return found[0]
        provider, name = parse_model(model)  # the hub does not allow it: the call says so
        return ModelFacts(name=name, provider=provider)

    async def set_price(
        self, workspace: str | None, model: str, price: tuple[float, float] | None
    ) -> ModelFacts:
        body = {
            "model": model,
            "input": None if price is None else price[0],
            "output": None if price is None else price[1],
        }
        return _read(ModelFacts, await self._ask("PUT", self._path(workspace, "prices"), body))

    async def budget(self) -> BudgetFacts:
        me = await self._ask("GET", "api/v1/me")
        return _read(BudgetFacts, me["budget"])

    async def calls(self, workspace: str | None, limit: int) -> list[CallFacts]:
        most = min(max(limit, 1), 1000)
        return await self._list(CallFacts, f"{self._path(workspace, 'calls')}?limit={most}")

    async def usage(
        self,
        workspace: str | None,
        *,
        by: Sequence[UsagePart] = ("day",),
        begin: str | None = None,
        end: str | None = None,
        everyone: bool = False,
    ) -> UsageFacts:
        asked = {"by": ",".join(by), "from": begin, "to": end, "of": "all" if everyone else "own"}
        query = urlencode({name: value for name, value in asked.items() if value})
        found = await self._get(f"usage?{query}", workspace)
        known: dict[str, Any] = {
            **found,
            "lines": [_read(UsageLine, line) for line in found["lines"]],
            "total": _read(UsageLine, found["total"]),
            "limits": [_read(LimitFacts, limit) for limit in found["limits"]],
        }
        return _read(UsageFacts, known)

    # --- the operator's side

    async def master_status(self) -> list[MasterFacts]:
        raise _operators("master status")

    async def rotate_master(self) -> MasterFacts:
        raise _operators("master rotate")

    async def purge_master(self, older_than_days: int) -> list[MasterFacts]:
        raise _operators("master purge")

    async def accept_restore(self) -> None:
        raise _operators("master accept-restore")

    async def platform_keys(self) -> list[KeyFacts]:
        raise _operators("platform-key list")

    async def test_platform_key(self, provider: ProviderId) -> KeyCheck:
        raise _operators(f"platform-key test {provider}")

    async def set_platform_key(
        self, provider: ProviderId, key: bytearray, *, endpoint: str | None = None
    ) -> None:
        raise _operators(f"platform-key set {provider}")

    async def remove_platform_key(self, provider: ProviderId) -> None:
        raise _operators(f"platform-key remove {provider}")

    async def doctor(self) -> list[Diagnosis]:

        place = f"gateway at {self._client.url}"
        try:
            me = await self._ask("GET", "api/v1/me")
        except AssayError as error:
            return [
                Diagnosis(level="problem", subject=place, text=error.message, hint=error.hint or "")
            ]
        findings = [
            Diagnosis(level="ok", subject=place, text=f"It answers, and knows you as {me['user']}.")
        ]
        findings.append(_about_versions(read_version(), me["version"]))
        findings.append(_about_vault(me["vault"]))
        if not any(self._read_workspace(one).active for one in me["workspaces"]):
            findings.append(about_gone_workspace())
        findings += [
            Diagnosis(level="warning", subject="model", text=text)
            for text in (await self.standing()).warnings
        ]
        findings.append(
            Diagnosis(
                level="ok",
                subject="keys",
                text="They are opened in the gateway's process alone. This kernel has none, not even for an instant.",
            )
        )
        return findings

    def setup(self, provider: ProviderId) -> Setup:
        if provider not in self._setups:
            listed = self._client.ask_now("api/v1/providers")
            self._setups = {one["provider"]: _read(Setup, one) for one in listed}
        if provider not in self._setups:
            raise PermissionDenied(f"This hub does not allow the provider {provider}.")
        return self._setups[provider]

    def known_models(self) -> list[str]:
        if not self._known:
            try:
                listed = self._client.ask_now(self._path(ACTIVE, "models"))
            except AssayError:
                return []  # completion must not show an error
            self._known = [f"{one['provider']}/{one['name']}" for one in listed]
        return self._known

    # --- within

    def _path(self, workspace: str | None, rest: str = "") -> str:
        named = workspace or self.selected or ACTIVE
        return f"api/v1/workspaces/{part(named)}{'/' if rest else ''}{rest}"

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        try:
            return await self._client.ask(method, path, body)
        except WorkspaceNotFound:
            if self.selected and path.startswith(self._path(self.selected)):
                raise workspace_gone() from None  # an id says nothing to the person who chose a name
            raise

    async def _get(self, rest: str, workspace: str | None = None) -> Mapping[str, Any]:
        return await self._ask("GET", self._path(workspace, rest))

    async def _list(self, kind: Callable[..., F], path: str) -> list[F]:
        return [_read(kind, one) for one in await self._ask("GET", path)]

    async def _change(self, workspace: str | None, changes: Mapping[str, Any]) -> WorkspaceFacts:
        return self._read_workspace(await self._ask("PATCH", self._path(workspace), dict(changes)))

    def _read_workspace(self, found: Mapping[str, Any]) -> WorkspaceFacts:
        """Return a workspace, marked as active if this kernel works in it, whatever the stored default is."""
        facts = _read(WorkspaceFacts, found)
        return facts if self.selected is None else replace(facts, active=facts.id == self.selected)


def _read(kind: Callable[..., F], found: Mapping[str, Any]) -> F:
    """Return facts from their JSON form. What a newer gateway says beyond them is left out."""
    known = {one.name for one in fields(kind)}  # pyright: ignore[reportArgumentType] - a dataclass, all of them
    return kind(**{name: value for name, value in found.items() if name in known})


def _operators(command: str) -> PermissionDenied:
    return PermissionDenied(
        "Only the operator can do that, on the gateway's own machine.",
        hint=f"There: `assay-nb {command}`, as the gateway's user and with its ASSAY_ variables.",
    )


def _about_versions(ours: str, theirs: str) -> Diagnosis:
    if ours == theirs:
        return Diagnosis(
            level="ok", subject="version", text=f"Kernel and gateway have assay_nb {ours}."
        )
    return Diagnosis(
        level="warning",
        subject="version",
        text=f"This kernel has assay_nb {ours}, the gateway {theirs}.",
        hint=f"`pip install assay-nb=={theirs}` here makes them the same.",
    )


def _about_vault(state: str) -> Diagnosis:
    if state == "sealed":
        return Diagnosis(
            level="problem",
            subject="vault",
            text="The gateway's vault is sealed: its master key is not there.",
            hint="Tell the hub's operator.",
        )
    return Diagnosis(level="ok", subject="vault", text=f"The gateway's vault is {state}.")
