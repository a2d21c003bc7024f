"""The local control of workspaces and their members."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from anyio.to_thread import run_sync

from assay_nb.engine.control import MemberFacts, WorkspaceFacts
from assay_nb.engine.local.operator import OperatorControl
from assay_nb.engine.local.practice import no_workspace
from assay_nb.engine.local.resources import Resources
from assay_nb.errors import workspace_gone

if TYPE_CHECKING:
    from assay_nb.workspaces.membership import Workspace


class WorkspaceControl(OperatorControl):
    """What one person may do with the workspaces that they are in; see `Control`."""

    def __init__(self, resources: Resources, user: str) -> None:
        super().__init__(resources, user)
        self.selected: str | None = None

    async def workspaces(self) -> list[WorkspaceFacts]:
        def run() -> list[WorkspaceFacts]:
            active = self._find_active()
            return [self._facts(one, active) for one in self._resources.workspaces.list(self._user)]

        return await run_sync(run)

    async def use_workspace(self, name: str) -> WorkspaceFacts:
        def run() -> Workspace:
            found = self._resources.find_workspace(self._user, name)
            return self._resources.workspaces.use(self._user, found.id)

        workspace = await run_sync(run)
        self.selected = workspace.id.hex()
        return self._facts(workspace, workspace)

    async def create_workspace(self, name: str) -> WorkspaceFacts:
        return self._facts(
            await run_sync(self._resources.workspaces.create, name, self._user), None
        )

    async def show_workspace(self, name: str | None) -> WorkspaceFacts:
        def run() -> WorkspaceFacts:
            workspace = self._workspace(name)
            return self._facts(workspace, self._find_active())

        return await run_sync(run)

    async def rename_workspace(self, name: str, new_name: str) -> WorkspaceFacts:
        renamed = await run_sync(self._resources.workspaces.rename, self._user, name, new_name)
        return await self.show_workspace(renamed.id.hex())

    async def delete_workspace(self, name: str) -> None:
        def run() -> None:
            deleted = self._resources.workspaces.delete(self._user, name)
            self._resources.vault.remove_workspace(deleted.id, actor=self._user)
            self._part_from(deleted)

        await run_sync(run)

    async def leave_workspace(self, name: str) -> None:
        self._part_from(await run_sync(self._resources.workspaces.leave, self._user, name))

    async def members(self, workspace: str | None) -> list[MemberFacts]:
        def run() -> list[MemberFacts]:
            where = self._workspace(workspace)
            members = self._resources.workspaces.members(self._user, where.id)
            return [MemberFacts(user=m.user, role=m.role, source=m.source) for m in members]

        return await run_sync(run)

    async def add_member(self, workspace: str | None, user: str, role: str) -> None:
        await self._on_members(self._resources.workspaces.add_member, workspace, user, role)

    async def remove_member(self, workspace: str | None, user: str) -> None:
        await self._on_members(self._resources.workspaces.remove_member, workspace, user)

    async def set_role(self, workspace: str | None, user: str, role: str) -> None:
        await self._on_members(self._resources.workspaces.set_role, workspace, user, role)

    async def _on_members(self, act: Callable[..., Any], workspace: str | None, *args: str) -> None:
        await run_sync(lambda: act(self._user, self._workspace(workspace).id, *args))

    def _workspace(self, name: str | None) -> Workspace:
        if name and name != self.selected:
            return self._resources.find_workspace(self._user, name)
        active = self._find_active()
        if active is None:
            own = self._resources.own_practice.workspace_id
            practised = own is not None and self.selected == own.hex()
            raise no_workspace() if practised else workspace_gone()
        return active

    def _find_active(self) -> Workspace | None:
        """Return where calls go that name no workspace, for showing it; None if that one is gone."""
        workspaces = self._resources.workspaces
        if self.selected is None:
            return workspaces.find_active(self._user)
        mine = workspaces.list(self._user)
        return next((one for one in mine if one.id.hex() == self.selected), None)

    def _part_from(self, workspace: Workspace) -> None:
        """Forget that this process works in a workspace that its person has left or deleted."""
        if self.selected == workspace.id.hex():
            self.selected = None

    def _authorized(self, name: str | None) -> Workspace:
        return self._resources.workspaces.authorize(
            self._user, self._workspace(name).id, "manage_keys"
        )

    def _facts(self, workspace: Workspace, active: Workspace | None) -> WorkspaceFacts:
        return WorkspaceFacts(
            id=workspace.id.hex(),
            name=workspace.name,
            kind=workspace.kind,
            role=workspace.role,
            model=workspace.model,
            active=active is not None and workspace.id == active.id,
        )
