"""People who have left a hub: what was theirs goes, so that nobody inherits it with the name.

A hub may give the name of somebody who left to somebody else. The gateway knows people by their names alone, and
would take the one for the other.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay_nb.engine.control import Facts
from assay_nb.errors import WrongUsage
from assay_nb.store import person_rows
from assay_nb.store import workspace_rows as rows
from assay_nb.workspaces.names import check_user, shown

if TYPE_CHECKING:
    from assay_nb.engine.local.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgottenPerson(Facts):
    """What came of forgetting a person.

    Attributes:
        user: Their name on the hub, which may be given to somebody else now.
        former: The name under which the calls log keeps their calls.
        personal: Whether they had a workspace of their own. It is gone, with its keys.
        teams: The team workspaces that they were in.
        without_owner: Those of them that nobody owns any more.
        calls: How many calls the log keeps.
    """

    user: str
    former: str
    personal: bool
    teams: list[str]
    without_owner: list[str]
    calls: int


def forget_person(resources: Resources, user: str, *, actor: str) -> ForgottenPerson:
    """Delete what a person had: their own workspace with its keys, memberships, limits, demo calls, choices.

    The calls log keeps their calls, under a name that no hub gives; the audit is not changed. Doing it again
    after a crash finishes it.

    Raises:
        WrongUsage: If nothing is stored under this name.
    """
    check_user(user)
    database = resources.database
    with database.read() as connection:
        known = person_rows.is_known(connection, user)
        personal = person_rows.find_personal(connection, user)
    if not known and personal is None:
        raise WrongUsage(
            f"Nothing is stored about '{shown(user)}'.",
            hint="Write the name exactly as the hub has it, in the same case.",
        )
    # The keys first: whoever is cut off here leaves a workspace without keys, not keys without a workspace.
    if personal is not None:
        resources.vault.remove_workspace(personal, actor=actor)
    now = int(time.time())
    former = f"{user} (until {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(now))})"
    with database.write() as connection:
        teams = person_rows.list_teams_of(connection, user)
        alone = person_rows.list_owned_alone(connection, user)
        calls = person_rows.count_calls(connection, user)
        person_rows.delete_person(connection, user, former)
        if personal is not None:
            rows.mark_deleted(connection, personal, f"personal {personal.hex()}", now)
            rows.purge_workspace(connection, personal)
    return ForgottenPerson(
        user=user,
        former=former,
        personal=personal is not None,
        teams=list(teams),
        without_owner=list(alone),
        calls=calls,
    )
