"""Usage on a hub: a member sees their own, an admin everybody's, and a kernel what the gateway says."""

from __future__ import annotations

from typing import Any

import pytest
from anyio.to_thread import run_sync

from assay_nb.accounting.allowances import EVERYBODY, Allowance
from assay_nb.accounting.call_log import make_record
from assay_nb.engine.usage import UsageFacts, UsageLine
from assay_nb.errors import PermissionDenied, WrongUsage
from tests.gateway.stage import Stage

pytestmark = pytest.mark.anyio


async def team_of(stage: Stage, *members: str) -> str:
    """Return the id of a team that ada owns, where each has made a call."""
    resources = stage.services.resources

    def make() -> str:
        team = resources.workspaces.create("lab", "ada")
        for user in members:
            resources.workspaces.add_member("ada", team.id, user, "member")
        resources.calls.record_all([_call(team.id, user) for user in ("ada", *members)])
        return team.id.hex()

    return await run_sync(make)


def _call(workspace_id: bytes, user: str) -> Any:
    return make_record(
        workspace_id=workspace_id,
        user=user,
        instrument="pass-through",
        provider="openai",
        model="m",
        funding="workspace",
        status="ok",
        input_tokens=10,
        output_tokens=2,
        cost_micros=500_000,
        counted_micros=500_000,
    )


async def test_member_sees_their_own_and_an_admin_everybodys(stage: Stage) -> None:
    team = await team_of(stage, "bob")
    bob, ada = await stage.kernel("bob"), await stage.kernel("ada")

    own = await bob.control.usage(team, by=("user", "model"))
    everybodys = await ada.control.usage(team, by=("user",), everyone=True)

    assert isinstance(own, UsageFacts)
    expected = UsageLine(
        user="bob",
        model="openai/m",
        calls=1,
        input_tokens=10,
        output_tokens=2,
        cost=0.5,
        counted=0.5,
    )
    assert list(own.lines) == [expected]
    assert [line.user for line in everybodys.lines] == ["ada", "bob"]
    assert (everybodys.total.calls, everybodys.total.cost) == (2, 1.0)


async def test_member_does_not_see_what_others_use(stage: Stage) -> None:
    team = await team_of(stage, "bob")
    bob = await stage.kernel("bob")

    with pytest.raises(PermissionDenied, match="admins"):
        await bob.control.usage(team, everyone=True)


async def test_usage_says_what_is_left(stage: Stage) -> None:
    team = await team_of(stage, "bob")
    bob, allowances = await stage.kernel("bob"), stage.services.resources.allowances
    workspace = bytes.fromhex(team)
    await run_sync(allowances.set, workspace, Allowance(EVERYBODY, micros_per_day=1_000_000))
    await run_sync(allowances.reserve, workspace, "bob", (), 0.9)

    (limit,) = (await bob.control.usage(team)).limits

    assert (limit.unit, limit.counted, limit.limit, limit.left) == ("dollars", 0.9, 1.0, 0.1)
    assert limit.text == "$0.90 of your $1.00 are counted today."
    assert limit.is_near
    bob.control.selected = team
    assert limit.text in (await bob.control.standing()).warnings


@pytest.mark.parametrize("asked", [{"by": ("colour",)}, {"begin": "today"}, {"end": "2026-13-01"}])
async def test_question_that_makes_no_sense_is_refused(stage: Stage, asked: Any) -> None:
    ada = await stage.kernel("ada")

    with pytest.raises(WrongUsage):
        await ada.control.usage(None, **asked)
