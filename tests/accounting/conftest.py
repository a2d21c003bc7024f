from __future__ import annotations

from tests.workspaces.conftest import any_database, database, team, workspaces

__all__ = ["any_database", "database", "team", "workspaces"]
