from __future__ import annotations

from typing import get_args

import pytest

from assay_nb.errors import PermissionDenied
from assay_nb.workspaces.roles import ALLOWED, ROLES, Action, check_allowed, is_allowed

MATRIX = {
    #                 owner  admin  member
    "view": (True, True, True),
    "call": (True, True, True),
    "leave": (True, True, True),
    "set_model": (True, True, False),
    "manage_members": (True, True, False),
    "manage_keys": (True, True, False),
    "manage_owners": (True, False, False),
    "rename": (True, False, False),
    "transfer": (True, False, False),
    "delete": (True, False, False),
}


def test_table_says_what_was_promised():
    assert {a: tuple(is_allowed(role, a) for role in ROLES) for a in ALLOWED} == MATRIX


def test_every_action_is_in_the_table():
    assert set(ALLOWED) == set(get_args(Action))


def test_refusal_says_who_can():
    with pytest.raises(PermissionDenied) as refused:
        check_allowed("member", "manage_keys")

    assert refused.value.message == (
        "Your role here is member; it takes an owner or an admin to change this workspace's keys."
    )
    assert refused.value.hint is not None
    assert "member list" in refused.value.hint


def test_what_a_role_allows_is_let_through():
    check_allowed("admin", "manage_keys")
