"""Roles: the one table that says what each may do."""

from __future__ import annotations

from typing import Literal

from assay_nb.errors import PermissionDenied, WrongUsage
from assay_nb.store.workspace_rows import Role
from assay_nb.workspaces.names import shown

Action = Literal[
    "view",
    "call",
    "leave",
    "set_model",
    "manage_members",
    "manage_keys",
    "manage_owners",
    "rename",
    "transfer",
    "delete",
]

ROLES: tuple[Role, ...] = ("owner", "admin", "member")

ALLOWED: dict[Action, frozenset[Role]] = {
    "view": frozenset({"owner", "admin", "member"}),
    "call": frozenset({"owner", "admin", "member"}),
    "leave": frozenset({"owner", "admin", "member"}),
    "set_model": frozenset({"owner", "admin"}),
    "manage_members": frozenset({"owner", "admin"}),
    "manage_keys": frozenset({"owner", "admin"}),
    "manage_owners": frozenset({"owner"}),
    "rename": frozenset({"owner"}),
    "transfer": frozenset({"owner"}),
    "delete": frozenset({"owner"}),
}

_WORDS: dict[Action, str] = {
    "view": "see this workspace",
    "call": "make calls in this workspace",
    "leave": "leave this workspace",
    "set_model": "choose this workspace's model",
    "manage_members": "change this workspace's members",
    "manage_keys": "change this workspace's keys",
    "manage_owners": "change who owns this workspace",
    "rename": "rename this workspace",
    "transfer": "hand this workspace over",
    "delete": "delete this workspace",
}


def is_allowed(role: Role, action: Action) -> bool:
    """Say whether a role may do something."""
    return role in ALLOWED[action]


def check_allowed(role: Role, action: Action) -> None:
    """Return when a role may do something.

    Raises:
        PermissionDenied: If it may not; the message says who can.
    """
    if is_allowed(role, action):
        return
    who = " or ".join(f"an {able}" for able in ROLES if able in ALLOWED[action])
    raise PermissionDenied(
        f"Your role here is {role}; it takes {who} to {_WORDS[action]}.",
        hint="`assay-nb member list` shows whom to ask.",
    )


def parse_role(text: str) -> Role:
    """Return a role by its name.

    Raises:
        WrongUsage: If there is no such role.
    """
    for role in ROLES:
        if text == role:
            return role
    raise WrongUsage(f"'{shown(text)}' is not a role.", hint=f"Roles are {', '.join(ROLES)}.")
