"""The ways in which somebody's chosen workspace goes without their doing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from anyio.to_thread import run_sync

from assay_nb.gateway.teams import Team
from tests.gateway.stage import Stage

TEAMS = {"physics": Team("physics-lab")}
"""The hub's groups that have workspaces here."""

_numbers = count(1)


@dataclass
class Member:
    """Somebody who loses the workspace that they had chosen.

    Attributes:
        stage: The gateway.
        user: Who it is.
        token: Their server's.
        doomed: The name of the workspace that they have chosen, and lost.
    """

    stage: Stage
    user: str
    token: str
    doomed: str = ""

    @property
    def workspaces(self) -> Any:
        return self.stage.services.resources.workspaces

    async def lose(self, way: str, choose: Callable[[str], Any] | None = None) -> None:
        """Join a workspace, choose it and lose it, in one of `WAYS`.

        Args:
            way: How it goes.
            choose: What chooses it, on a thread of its own; the gateway's API by default.
        """
        join, leave, _ = WAYS[way]
        self.doomed = (
            TEAMS["physics"].workspace if way == "hub group" else f"doomed-{next(_numbers)}"
        )
        await join(self)
        if choose is not None:
            await run_sync(choose, self.doomed)
        else:
            status, _ = await self.ask("PATCH", self.doomed, {"active": True})
            assert status == 200
        await leave(self)

    async def get_back(self, way: str) -> None:
        """Have what was lost come back."""
        await WAYS[way][2](self)

    async def make(self, key: str | None = None) -> tuple[str, str]:
        """Return the id and the name of a workspace that this person owns, with a key and two members."""
        name = f"team-{next(_numbers)}"

        def make() -> str:
            made = self.workspaces.create(name, self.user)
            for other in ("max", "mia"):
                self.workspaces.add_member(self.user, made.id, other)
            return made.id.hex()

        made = await run_sync(make)
        await self.stage.store_key(made, key=key)
        return made, name

    async def ask(self, method: str, workspace: str, body: Any = None) -> tuple[int, Any]:
        path = f"api/v1/workspaces/{workspace}"
        return await self.stage.ask(method, path, self.token, body=body)

    def move(self, *groups: str) -> None:
        """Have the hub say from now on that the person is in these groups."""
        self.stage.hub.people[self.token]["groups"] = list(groups)
        self.stage.services.identity.forget(self.token)


async def _join_group(member: Member) -> None:
    member.move("physics")


async def _leave_group(member: Member) -> None:
    member.move()
    await member.stage.ask("GET", "api/v1/me", member.token)


async def _be_added(member: Member) -> None:
    await run_sync(member.workspaces.create, member.doomed, "olga")
    await _be_added_again(member)


async def _be_added_again(member: Member) -> None:
    await run_sync(member.workspaces.add_member, "olga", member.doomed, member.user)


async def _be_removed(member: Member) -> None:
    await run_sync(member.workspaces.remove_member, "olga", member.doomed, member.user)


async def _be_deleted(member: Member) -> None:
    await run_sync(member.workspaces.delete, "olga", member.doomed)


async def _be_restored(member: Member) -> None:
    await run_sync(member.workspaces.restore, "olga", member.doomed)


WAYS = {
    "hub group": (_join_group, _leave_group, _join_group),
    "removed": (_be_added, _be_removed, _be_added_again),
    "deleted": (_be_added, _be_deleted, _be_restored),
}
"""How it comes, goes, and comes back: with the hub's group, by an admin's hand, by its owner's."""
